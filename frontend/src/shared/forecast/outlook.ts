// SPDX-License-Identifier: Apache-2.0
/** What the AI service expects of a community's market, read strictly: an answer of another shape is an error, never a guess. */
import { microOf } from '@/shared/format'

/** The price that an interval of delivery is likely to see, in micro-units per kWh, with its central interval. */
export interface PriceStep {
  readonly start: Date
  readonly priceMicro: bigint | null
  readonly lowMicro: bigint | null
  readonly highMicro: bigint | null
  /** What moved the price, in a sentence. */
  readonly why: string | null
}

export interface PriceForecast {
  readonly steps: readonly PriceStep[]
  /** How much of what may come lies within low and high, in percent. */
  readonly level: number
  readonly age: Age
}

/** `stale`: the service is away and this is what it said last. */
export interface Age {
  readonly stale: boolean
  readonly seconds: number
}

export interface GoodTime {
  readonly start: Date
  readonly priceMicro: bigint
}

/** Supply, demand and good hours of the next day; energies are forecasts in kWh. */
export interface Outlook {
  readonly steps: readonly { readonly start: Date; readonly supplyKwh: number; readonly demandKwh: number }[]
  readonly bestToBuy: readonly GoodTime[]
  readonly bestToSell: readonly GoodTime[]
  readonly surplusKwh: number
  readonly confidence: 'high' | 'medium' | 'low'
  readonly findings: readonly string[]
  readonly age: Age
}

export class OutlookUnreadable extends Error {
  constructor(what: string) {
    super(`The forecast cannot be read: ${what}`)
    this.name = 'OutlookUnreadable'
  }
}

type Json = Readonly<Record<string, unknown>>

export const LEVEL = 80

/** The answer of `POST /api/ai/price` for a community. Throws OutlookUnreadable. */
export function readPrices(answer: Json): PriceForecast {
  const market = objectOf(answer['market'], 'market')
  return {
    steps: listOf(market['steps'], 'steps').map(readStep),
    level: LEVEL,
    age: readAge(answer),
  }
}

/** The answer of `GET /api/ai/market-analysis`. Throws OutlookUnreadable. */
export function readOutlook(answer: Json): Outlook {
  const level = objectOf(answer['confidence'], 'confidence')['level']
  if (level !== 'high' && level !== 'medium' && level !== 'low') throw new OutlookUnreadable('confidence')
  return {
    steps: listOf(answer['steps'], 'steps').map((step) => ({
      start: timeOf(step['start']),
      supplyKwh: numberOf(step['supplyKwh'], 'supplyKwh'),
      demandKwh: numberOf(step['demandKwh'], 'demandKwh'),
    })),
    bestToBuy: listOf(answer['bestToBuy'], 'bestToBuy').map(readTime),
    bestToSell: listOf(answer['bestToSell'], 'bestToSell').map(readTime),
    surplusKwh: numberOf(answer['expectedSurplusKwh'], 'expectedSurplusKwh'),
    confidence: level,
    findings: Array.isArray(answer['findings']) ? answer['findings'].map(String) : [],
    age: readAge(answer),
  }
}

function readStep(step: Json): PriceStep {
  const interval = listOf(step['intervals'], 'intervals').find((one) => one['level'] === LEVEL)
  const explanation = step['explanation']
  return {
    start: timeOf(step['start']),
    priceMicro: step['pricePerKwh'] === null ? null : priceOf(step['pricePerKwh']),
    lowMicro: interval ? priceOf(interval['lowPerKwh']) : null,
    highMicro: interval ? priceOf(interval['highPerKwh']) : null,
    why: explanation === null || explanation === undefined ? null : String(objectOf(explanation, 'explanation')['text']),
  }
}

function readTime(hour: Json): GoodTime {
  return { start: timeOf(hour['start']), priceMicro: priceOf(hour['pricePerKwh']) }
}

function readAge(answer: Json): Age {
  return { stale: answer['stale'] === true, seconds: typeof answer['ageSeconds'] === 'number' ? answer['ageSeconds'] : 0 }
}

function objectOf(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new OutlookUnreadable(name)
  return value as Json
}

function listOf(value: unknown, name: string): Json[] {
  if (!Array.isArray(value)) throw new OutlookUnreadable(name)
  return value.map((one) => objectOf(one, name))
}

function timeOf(value: unknown): Date {
  const time = new Date(typeof value === 'string' ? value : Number.NaN)
  if (Number.isNaN(time.getTime())) throw new OutlookUnreadable('start')
  return time
}

function priceOf(value: unknown): bigint {
  if (typeof value !== 'string') throw new OutlookUnreadable('price')
  return microOf(value)
}

function numberOf(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new OutlookUnreadable(name)
  return value
}
