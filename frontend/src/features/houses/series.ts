// SPDX-License-Identifier: Apache-2.0
/** Shapes readings for charts and sums: which range is asked for, columns to draw, totals, and how good they are. */

import { kwhToWh } from './csv'
import { addDays, startOfDay } from './zone'

export type Resolution = '15m' | '30m' | '1h' | '1d'
export type Span = 'day' | 'week' | 'month' | 'year'
export type Attestation = 'device' | 'operator' | 'declared'
export const QUANTITIES = ['production', 'consumption', 'export', 'import'] as const
export type Quantity = (typeof QUANTITIES)[number]

/** What the service says of one interval; kWh as text, null is unknown. */
export interface Bucket {
  start: string
  end: string
  minutes: number
  productionKwh: string | null
  consumptionKwh: string | null
  exportKwh: string | null
  importKwh: string | null
  complete: boolean
  attestation: Attestation | null
}

/** The resolutions that make sense for a span, the first one by default. */
export const RESOLUTIONS: Record<Span, readonly Resolution[]> = {
  day: ['15m', '30m', '1h'],
  week: ['1h', '1d'],
  month: ['1d', '1h'],
  year: ['1d'],
}

/** First day of the span that holds `day`; weeks begin on Monday. */
export function firstDay(span: Span, day: string): string {
  if (span === 'day') return day
  if (span === 'month') return `${day.slice(0, 7)}-01`
  if (span === 'year') return `${day.slice(0, 4)}-01-01`
  const weekday = (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7
  return addDays(day, -weekday)
}

/** First day of the span `steps` spans later. */
export function shift(span: Span, day: string, steps: number): string {
  const first = firstDay(span, day)
  if (span === 'day') return addDays(first, steps)
  if (span === 'week') return addDays(first, 7 * steps)
  const date = new Date(`${first}T12:00:00Z`)
  if (span === 'month') date.setUTCMonth(date.getUTCMonth() + steps)
  else date.setUTCFullYear(date.getUTCFullYear() + steps)
  return date.toISOString().slice(0, 10)
}

/** The moments `[from, to)` of the span that holds `day`, as ISO text. */
export function range(span: Span, day: string, timeZone: string): { from: string; to: string } {
  const iso = (at: string) => new Date(startOfDay(at, timeZone)).toISOString()
  return { from: iso(firstDay(span, day)), to: iso(shift(span, day, 1)) }
}

/** The intervals that have begun by `now` (ms since 1970): what is still to come is not missing. */
export function begun<One extends Bucket>(buckets: readonly One[], now: number): One[] {
  return buckets.filter((bucket) => Date.parse(bucket.start) < now)
}

export interface Columns {
  /** Starts in seconds since 1970. */
  starts: number[]
  /** kWh of each interval for drawing, null where it is unknown; sums are made in whole Wh (`totals`). */
  values: Record<Quantity, (number | null)[]>
  attestations: (Attestation | null)[]
}

/** Columns to draw, in the order of time. */
export function columnsOf(buckets: readonly Bucket[]): Columns {
  const sorted = [...buckets].sort((one, other) => Date.parse(one.start) - Date.parse(other.start))
  const drawn = (quantity: Quantity) =>
    sorted.map((bucket) => {
      const text = bucket[`${quantity}Kwh`]
      return text === null ? null : Number(text)
    })
  return {
    starts: sorted.map((bucket) => Date.parse(bucket.start) / 1000),
    values: {
      production: drawn('production'), consumption: drawn('consumption'),
      export: drawn('export'), import: drawn('import'),
    },
    attestations: sorted.map((bucket) => bucket.attestation),
  }
}

export interface Totals {
  /** Sum of what is known in Wh; null when nothing is. */
  energyWh: Record<Quantity, bigint | null>
  /** Parts of a hundred of the time for which the quantity is known in whole intervals. */
  knownPercent: Record<Quantity, number>
}

/** Sums of what is known. An interval whose quantity is unknown adds nothing and lowers `knownPercent`. */
export function totals(buckets: readonly Bucket[]): Totals {
  const minutes = buckets.reduce((sum, bucket) => sum + bucket.minutes, 0)
  const energyWh: Totals['energyWh'] = { production: null, consumption: null, export: null, import: null }
  const known: Totals['knownPercent'] = { production: 0, consumption: 0, export: 0, import: 0 }
  for (const quantity of QUANTITIES) {
    let told = 0
    for (const bucket of buckets) {
      const wh = kwhToWh(bucket[`${quantity}Kwh`] ?? '')
      if (wh === null) continue
      energyWh[quantity] = (energyWh[quantity] ?? 0n) + wh
      told += bucket.minutes
    }
    known[quantity] = minutes > 0 ? Math.floor((told * 100) / minutes) : 0
  }
  return { energyWh, knownPercent: known }
}

export type Quality = 'signed' | 'operator' | 'declared' | 'partial' | 'missing'

/** In one word, how far an interval can be relied on. */
export function qualityOf(bucket: Bucket): Quality {
  if (bucket.attestation === null) return 'missing'
  if (!bucket.complete) return 'partial'
  return bucket.attestation === 'device' ? 'signed' : bucket.attestation
}

/** How many intervals have each quality. */
export function qualities(buckets: readonly Bucket[]): Record<Quality, number> {
  const counted: Record<Quality, number> = { signed: 0, operator: 0, declared: 0, partial: 0, missing: 0 }
  for (const bucket of buckets) counted[qualityOf(bucket)] += 1
  return counted
}
