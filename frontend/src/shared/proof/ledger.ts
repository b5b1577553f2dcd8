// SPDX-License-Identifier: Apache-2.0
/** What the carbon ledger must say of one trade, given what the trade is worth. */
import type { Hex } from 'viem'
import { gramsOf, type Trade } from './history'

export const ISSUANCE = '0x00'
const PENDING = 0
const AVAILABLE = 1

/** One transfer of a trade; `document` is its place among the bundle's documents. */
export interface Entry {
  readonly kind: string
  readonly debit: Hex
  readonly debitBucket: unknown
  readonly credit: Hex
  readonly creditBucket: unknown
  readonly grams: bigint
  readonly cycle: number
  readonly document: number | null
  readonly community: unknown
  readonly deliveryStart: unknown
}

/** What the trade's row says that decides about transfers; `refused`: both wallets are one person's. */
export interface Booked {
  readonly status: string
  readonly cycle: number
  readonly deliveredWh: bigint | null
  readonly refused: boolean
}

/** Something that is wrong: what, what the evidence says, what the bundle says. */
export type Wrong = readonly [what: string, expected: unknown, found: unknown]
type Sums = Record<string, bigint>

/** What is wrong with a trade's transfers; nothing when all is right. */
export function* checkLedger(
  trade: Trade, booked: Booked, entries: readonly Entry[], mgPerKwh: bigint,
): Generator<Wrong> {
  const cycles = new Map<number, Sums>()
  for (const entry of entries) {
    const sums = cycles.get(entry.cycle) ?? {}
    sums[entry.kind] = (sums[entry.kind] ?? 0n) + entry.grams
    cycles.set(entry.cycle, sums)
    yield* checkForm(trade, entry, entry.cycle === booked.cycle)
  }
  for (const [cycle, sums] of [...cycles].sort(([one], [other]) => one - other)) {
    if (cycle !== booked.cycle) yield* checkEarlier(cycle, sums, cycle > booked.cycle)
  }
  yield* checkPresent(trade, booked, cycles.get(booked.cycle) ?? {}, mgPerKwh)
}

const held = (sums: Sums, kind: string) => sums[kind] ?? 0n

function* checkEarlier(cycle: number, sums: Sums, isLater: boolean): Generator<Wrong> {
  const due = held(sums, 'earned') - held(sums, 'reduced')
  if (isLater) yield [`cycle ${cycle}`, 'nothing', Object.keys(sums).join(', ')]
  else if (due !== held(sums, 'reversed') || held(sums, 'released') !== 0n) {
    yield [`reversed in cycle ${cycle}`, due, held(sums, 'reversed')]
  }
}

function* checkPresent(trade: Trade, booked: Booked, sums: Sums, mgPerKwh: bigint): Generator<Wrong> {
  if (held(sums, 'earned') !== trade.claimG) {
    yield ['earned', trade.claimG, held(sums, 'earned')]
    return
  }
  if (held(sums, 'reversed') !== 0n) yield ['reversed', 0n, held(sums, 'reversed')]
  if (booked.deliveredWh !== null && booked.status !== 'FINAL') yield ['settled', 'once FINAL', booked.status]
  const [released, reduced] = settlementOf(trade, booked, mgPerKwh)
  if (held(sums, 'released') !== released) yield ['released', released, held(sums, 'released')]
  if (held(sums, 'reduced') !== reduced) yield ['reduced', reduced, held(sums, 'reduced')]
}

/** Grams released and reduced of a trade, by what was delivered of it. */
function settlementOf(trade: Trade, booked: Booked, mgPerKwh: bigint): readonly [bigint, bigint] {
  if (booked.refused) return [0n, trade.claimG]
  if (booked.deliveredWh === null || trade.claimG === 0n) return [0n, 0n]
  const delivered = gramsOf(booked.deliveredWh, mgPerKwh)
  const released = delivered < trade.claimG ? delivered : trade.claimG
  return [released, trade.claimG - released]
}

/** An entry has the accounts and the delivery of its trade; those of earlier cycles belong to another content. */
function* checkForm(trade: Trade, entry: Entry, isPresent: boolean): Generator<Wrong> {
  const back = [trade.buyer, PENDING, ISSUANCE, AVAILABLE] as const
  const shapes: Readonly<Record<string, readonly [string, number, string, number]>> = {
    earned: [ISSUANCE, AVAILABLE, trade.buyer, PENDING],
    reversed: back,
    reduced: back,
    released: [trade.buyer, PENDING, trade.buyer, AVAILABLE],
  }
  const shape = Object.hasOwn(shapes, entry.kind) ? shapes[entry.kind] : undefined
  if (!shape) {
    yield ['kind', 'earned, released, reversed or reduced', entry.kind]
    return
  }
  if (!isPresent) return
  const [debit, debitBucket, credit, creditBucket] = shape
  if (entry.debit !== debit || entry.debitBucket !== debitBucket) yield [`${entry.kind} debit`, debit, entry.debit]
  if (entry.credit !== credit || entry.creditBucket !== creditBucket) {
    yield [`${entry.kind} credit`, credit, entry.credit]
  }
  const community = trade.community === null ? null : Number(trade.community)
  if (entry.community !== community) yield [`${entry.kind} community`, community, entry.community]
  const start = trade.deliveryStart === null ? null : Number(trade.deliveryStart)
  if (entry.deliveryStart !== start) yield [`${entry.kind} delivery start`, start, entry.deliveryStart]
}
