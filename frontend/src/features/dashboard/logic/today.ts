// SPDX-License-Identifier: Apache-2.0
/** A day's readings of several houses as columns and sums. What is unknown stays unknown: it is never counted as zero. */
import { whOf } from '@/shared/format'

/** Energy of one house in one interval as the API says it; null is unknown. */
export interface Bucket {
  readonly start: string
  readonly end: string
  readonly productionKwh: string | null
  readonly consumptionKwh: string | null
  readonly exportKwh: string | null
  readonly importKwh: string | null
}


export interface Day {
  /** Seconds since 1970, ascending. */
  readonly starts: number[]
  /** kWh for drawing, null where any house is unknown. */
  readonly production: (number | null)[]
  readonly consumption: (number | null)[]
  readonly producedWh: bigint | null
  readonly consumedWh: bigint | null
  readonly exportedWh: bigint | null
  readonly importedWh: bigint | null
  /** End of the last interval with a reading; null without any. */
  readonly until: Date | null
}

type Quantity = 'productionKwh' | 'consumptionKwh' | 'exportKwh' | 'importKwh'

/** `houses` are the buckets of each house, on one grid. */
export function dayOf(houses: readonly (readonly Bucket[])[]): Day {
  const byStart = new Map<number, Bucket[]>()
  for (const bucket of houses.flat()) {
    const start = Date.parse(bucket.start) / 1000
    byStart.set(start, [...(byStart.get(start) ?? []), bucket])
  }
  const starts = [...byStart.keys()].sort((one, other) => one - other)
  const column = (quantity: Quantity) => starts.map((start) => drawn(byStart.get(start) ?? [], quantity, houses.length))
  const all = houses.flat()
  const known = all.filter((bucket) => QUANTITIES.some((quantity) => bucket[quantity] !== null)).map(({ end }) => Date.parse(end))
  return {
    starts,
    production: column('productionKwh'),
    consumption: column('consumptionKwh'),
    producedWh: total(all, 'productionKwh'),
    consumedWh: total(all, 'consumptionKwh'),
    exportedWh: total(all, 'exportKwh'),
    importedWh: total(all, 'importKwh'),
    until: known.length === 0 ? null : new Date(Math.max(...known)),
  }
}

const QUANTITIES: readonly Quantity[] = ['productionKwh', 'consumptionKwh', 'exportKwh', 'importKwh']

/** Production less consumption; null while either is unknown. */
export function surplusWh({ producedWh, consumedWh }: Day): bigint | null {
  return producedWh === null || consumedWh === null ? null : producedWh - consumedWh
}

function drawn(buckets: readonly Bucket[], quantity: Quantity, houses: number): number | null {
  const values = buckets.map((bucket) => bucket[quantity])
  if (values.length < houses || values.includes(null)) return null
  return Number(values.reduce((sum, value) => sum + whOf(value ?? '0'), 0n)) / 1000
}

function total(buckets: readonly Bucket[], quantity: Quantity): bigint | null {
  const values = buckets.map((bucket) => bucket[quantity]).filter((value) => value !== null)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + whOf(value), 0n)
}
