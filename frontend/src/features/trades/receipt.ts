// SPDX-License-Identifier: Apache-2.0
/** A receipt (`gridx-receipt-1`) in words: how the price came about, and what would have changed it. */
import type { Schemas } from '@/shared/api'
import { formatEnergy, groupedText } from '@/shared/format'

export interface Level {
  side: 'offer' | 'bid'
  zone: string
  priceMicro: number
  energyWh: number
  orders: number
}

interface Refusal {
  id: string
  limitMicro: number
  reason: string
  neededMicro: number | null
}

/** The parts of a receipt that are shown; owners are numbered, not named. */
export interface Receipt {
  rule: 'continuous' | 'uniform' | 'pay_as_bid'
  bookHash: string
  levels: readonly Level[]
  volumeWh: number
  priceMicro: number | null
  intervalMicro: readonly [number, number] | null
  refusedOffer: Refusal | null
  refusedBid: Refusal | null
  why: string
}

const RULES: Readonly<Record<string, string>> = {
  continuous: 'Continuous book',
  uniform: 'Auction at one price',
  pay_as_bid: 'Auction, pay as bid',
}

const REASONS: Readonly<Record<string, string>> = {
  limit: 'its limit was on the wrong side of the price',
  volume: 'others came first and the other side was used up',
  owner: 'it could have met only its own owner',
  min_fill: 'its minimum amount stood in the way',
  rests: 'orders that rest in the book do not meet each other',
  nobody: 'there was nobody on the other side',
}

/** The receipt of the API's answer. */
export const readReceipt = (answer: Schemas['ReceiptOut']): Receipt => answer.receipt as unknown as Receipt

export const ruleWords = (rule: string): string => RULES[rule] ?? rule

const price = (micro: number | bigint, currency: string) => `${groupedText(BigInt(micro), 6, 4)} ${currency}/kWh`.replace(' /', '/')

/** Micro-units in the backend's sentence, as prices. */
export function whyWords(why: string, currency: string): string {
  return why
    .replace(/(\d+) to (\d+) micro-units per kWh/g, (_, low: string, high: string) => `${price(BigInt(low), currency)} to ${price(BigInt(high), currency)}`)
    .replace(/(\d+) micro-units per kWh/g, (_, micro: string) => price(BigInt(micro), currency))
    .replace(/the middle, (\d+)/g, (_, micro: string) => `the middle, ${price(BigInt(micro), currency)}`)
    .replace(/(\d+) Wh/g, (_, wh: string) => formatEnergy(BigInt(wh)))
}

/** The best order of a side that traded nothing: at which limit, why not, and what would have helped. */
export function refusalWords(refusal: Refusal, currency: string): string {
  const why = REASONS[refusal.reason] ?? refusal.reason
  const needed = refusal.neededMicro === null ? '' : ` A limit of ${price(refusal.neededMicro, currency)} would have traded.`
  return `At ${price(refusal.limitMicro, currency)}: ${why}.${needed}`
}

/** Levels of one side, best first, with their share of the largest for a bar. */
export function levelsOf(receipt: Receipt, side: Level['side'], most = 8): (Level & { share: number })[] {
  const own = receipt.levels.filter((level) => level.side === side)
  const largest = Math.max(1, ...receipt.levels.map((level) => level.energyWh))
  return own.slice(0, most).map((level) => ({ ...level, share: level.energyWh / largest }))
}
