// SPDX-License-Identifier: Apache-2.0
/** The parts of a bundle in the words that it uses, made from what the evidence adds up to. */
import { plain, type JsonObject } from './canonical'
import { hexOf, type Bytes } from './encoding'
import type { Factor, Trade } from './history'

const text = (value: bigint | null) => (value === null ? null : value.toString())

/** `trade` of a bundle. */
export function tradeFacts(trade: Trade): JsonObject {
  return {
    tradeId: trade.tradeId,
    kind: plain(trade.kind),
    seller: trade.seller,
    buyer: trade.buyer,
    energyWh: text(trade.energyWh),
    pricePerKwh: text(trade.priceMicroPerKwh),
    carbonSavedGrams: text(trade.carbonLoggedG),
    timestamp: plain(trade.log.time),
  }
}

/** `claim` of a bundle. */
export function claimFacts(trade: Trade): JsonObject {
  return {
    consented: trade.consented,
    reason: trade.reason,
    community: plain(trade.community),
    sellerMeter: text(trade.sellerMeter),
    buyerMeter: text(trade.buyerMeter),
    deliveryStart: plain(trade.deliveryStart),
    deliveryMinutes: plain(trade.deliveryMinutes),
    factorId: plain(trade.factorId),
    claimGrams: text(trade.claimG),
  }
}

/** `factor` of a bundle. */
export function factorFacts(factor: Factor): JsonObject {
  return {
    factorId: plain(factor.factorId),
    region: regionName(factor.region),
    basis: plain(factor.basis),
    mgPerKwh: plain(factor.mgPerKwh),
    validFrom: plain(factor.validFrom),
    validTo: plain(factor.validTo),
    effectiveAt: plain(factor.effectiveAt),
    source: factor.source,
    vintage: factor.vintage,
    documentHash: factor.documentHash,
  }
}

/** A region as text: its ASCII without padding, else 0x-hex of its 4 bytes. */
export function regionName(region: Bytes): string {
  const end = region.findLastIndex((byte) => byte !== 0) + 1
  const name = region.subarray(0, end)
  const isReadable = end > 0 && name.every((byte) => byte >= 0x21 && byte <= 0x7e)
  return isReadable ? String.fromCharCode(...name) : hexOf(region)
}
