// SPDX-License-Identifier: Apache-2.0
/** What a trade is, whether both parties agreed, and what it earns: rebuilt from the events of a proof alone. */
import type { Hex } from 'viem'
import { BadEncoding, hexOf, sameBytes, type Bytes } from './encoding'
import { decodeEvent, unpackDetails, type Details } from './events'

const MARGINAL = 2n
const MG_PER_G = 1_000n
const WH_PER_KWH = 1_000n

/** A log in its place on the chain; `time` is its block's, in seconds since 1970. */
export interface PlacedLog {
  readonly blockNumber: bigint
  readonly blockHash: Bytes
  readonly time: bigint
  readonly txHash: Hex
  readonly txIndex: number
  readonly place: number
  readonly topics: readonly Bytes[]
  readonly data: Bytes
}

/** An enrolled meter. */
export interface Meter {
  readonly owner: Hex
  readonly community: bigint
  readonly region: Bytes
  readonly log: PlacedLog
}

/** A registered emission factor with its provenance; times are seconds since 1970. */
export interface Factor {
  readonly factorId: bigint
  readonly region: Bytes
  readonly basis: bigint
  readonly mgPerKwh: bigint
  readonly validFrom: bigint
  readonly validTo: bigint
  readonly effectiveAt: bigint
  readonly source: string
  readonly vintage: string
  readonly documentHash: Hex
}

interface Confirmation {
  readonly tradeId: Hex
  readonly confirmer: Hex
  readonly details: Details
  readonly log: PlacedLog
}

/** A logged trade and its worth. `reason` says why it earns nothing, null when it does; null terms: nobody agreed. */
export interface Trade {
  readonly tradeId: Hex
  readonly kind: bigint
  readonly seller: Hex
  readonly buyer: Hex
  readonly energyWh: bigint
  readonly priceMicroPerKwh: bigint
  readonly carbonLoggedG: bigint
  readonly factorId: bigint
  readonly sellerMeter: bigint | null
  readonly buyerMeter: bigint | null
  readonly community: bigint | null
  readonly deliveryStart: bigint | null
  readonly deliveryMinutes: bigint | null
  readonly consented: boolean
  readonly reason: string | null
  readonly claimG: bigint
  readonly log: PlacedLog
  readonly consent: Confirmation | null
}

interface Logged extends Record<'tradeId' | 'seller' | 'buyer', Bytes> {
  readonly energyWh: bigint
  readonly pricePerKwh: bigint
  readonly carbonSavedGrams: bigint
  readonly details: bigint
}

interface Worth {
  readonly reason: string | null
  readonly community: bigint | null
  readonly claimG: bigint
}

/** Whether one log lies after another. */
export function isAfter(one: PlacedLog, other: PlacedLog): boolean {
  if (one.blockNumber !== other.blockNumber) return one.blockNumber > other.blockNumber
  if (one.txIndex !== other.txIndex) return one.txIndex > other.txIndex
  return one.place > other.place
}

/** Meters, factors and confirmations that logs register, taken in chain order; then trades are judged by them. */
export class History {
  readonly factors = new Map<bigint, Factor>()
  private readonly meters = new Map<bigint, Meter>()
  private readonly confirmations: Confirmation[] = []

  /** Take the next log; what cannot be decoded changes nothing. */
  take(log: PlacedLog): void {
    let event
    try {
      event = decodeEvent(log.topics, log.data)
      if (event.name === 'MeterEnrolled') this.takeMeter(event.values, log)
      else if (event.name === 'EmissionFactorRegistered') this.takeFactor(event.values)
      else if (event.name === 'EnergyTradeConfirmed') this.takeConfirmation(event.values, log)
    } catch (error) {
      if (!(error instanceof BadEncoding)) throw error
    }
  }

  /** The trade of an `EnergyTradeLogged` log. Throws BadEncoding for any other. */
  judge(log: PlacedLog): Trade {
    const event = decodeEvent(log.topics, log.data)
    if (event.name !== 'EnergyTradeLogged') throw new BadEncoding(`${event.name} is no trade`)
    const values = event.values as unknown as Logged
    const logged = {
      tradeId: hexOf(values.tradeId), seller: hexOf(values.seller), buyer: hexOf(values.buyer),
      energyWh: values.energyWh, priceMicroPerKwh: values.pricePerKwh, carbonLoggedG: values.carbonSavedGrams,
    }
    const details = unpackDetails(values.details)
    const consent = details.kind === 0n ? this.consentTo(logged, log) : null
    const own = details.kind === 1n || details.kind === 2n ? details : null
    const terms = consent ? consent.details : own
    const worth = terms ? this.worthOf(logged, terms, consent ? consent.log : log) : WORTHLESS
    return {
      ...logged,
      kind: details.kind,
      factorId: (terms ?? details).factorId,
      sellerMeter: terms && terms.sellerMeter,
      buyerMeter: terms && terms.buyerMeter,
      deliveryStart: terms && terms.deliveryStart,
      deliveryMinutes: terms && terms.deliveryMinutes,
      consented: terms !== null,
      ...worth,
      log,
      consent,
    }
  }

  private takeMeter(values: Readonly<Record<string, unknown>>, log: PlacedLog): void {
    const meter = values.meter as bigint
    if (this.meters.has(meter)) return
    this.meters.set(meter, {
      owner: hexOf(values.owner as Bytes), community: values.community as bigint, region: values.region as Bytes, log,
    })
  }

  private takeFactor(values: Readonly<Record<string, unknown>>): void {
    const factorId = values.factorId as bigint
    if (this.factors.has(factorId)) return
    const documentHash = hexOf(values.documentHash as Bytes)
    this.factors.set(factorId, { ...(values as unknown as Factor), documentHash })
  }

  private takeConfirmation(values: Readonly<Record<string, unknown>>, log: PlacedLog): void {
    const details = unpackDetails(values.details as bigint)
    this.confirmations.push({ tradeId: hexOf(values.tradeId as Bytes), confirmer: hexOf(values.confirmer as Bytes), details, log })
  }

  /** The first confirmation, after the trade, by the party that did not log it (the id begins with who did). */
  private consentTo(trade: Pick<Trade, 'tradeId' | 'seller' | 'buyer'>, log: PlacedLog): Confirmation | null {
    const caller = trade.tradeId.slice(0, 42)
    const others = [...new Set([trade.seller, trade.buyer])].filter((party) => party !== caller)
    if (others.length !== 1) return null
    const counts = (given: Confirmation) =>
      given.tradeId === trade.tradeId && isAfter(given.log, log) && given.confirmer === others[0]
    return this.confirmations.find(counts) ?? null
  }

  /** Why the trade earns nothing (null when it does), its community, its claim in grams. */
  private worthOf(
    trade: Pick<Trade, 'seller' | 'buyer' | 'energyWh'>, terms: Details, decided: PlacedLog,
  ): Worth {
    const sold = this.meters.get(terms.sellerMeter)
    const bought = this.meters.get(terms.buyerMeter)
    if (!sold || !bought || isAfter(sold.log, decided) || isAfter(bought.log, decided)) {
      return { ...WORTHLESS, reason: 'unknown_meter' }
    }
    const nothing = (reason: string): Worth => ({ reason, community: sold.community, claimG: 0n })
    if (sold.owner !== trade.seller || bought.owner !== trade.buyer || sold.owner === bought.owner) {
      return nothing('meter_of_another')
    }
    if (bought.community !== sold.community) return nothing('another_community')
    const factor = this.factors.get(terms.factorId)
    if (!factor || !covers(factor, terms, sold.region, decided)) return nothing('unknown_factor')
    if (factor.basis !== MARGINAL) return nothing('average_factor')
    return { reason: null, community: sold.community, claimG: gramsOf(trade.energyWh, factor.mgPerKwh) }
  }
}

const WORTHLESS: Worth = { reason: 'no_consent', community: null, claimG: 0n }

/** Grams that `energyWh` avoids by a factor in mg/kWh, rounded down as the contract does. */
export function gramsOf(energyWh: bigint, mgPerKwh: bigint): bigint {
  return (energyWh * mgPerKwh) / (WH_PER_KWH * MG_PER_G)
}

function covers(factor: Factor, terms: Details, region: Bytes, decided: PlacedLog): boolean {
  const isValid = factor.validFrom <= terms.deliveryStart && terms.deliveryStart < factor.validTo
  return sameBytes(factor.region, region) && factor.effectiveAt <= decided.time && isValid
}
