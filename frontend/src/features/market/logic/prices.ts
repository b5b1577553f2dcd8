// SPDX-License-Identifier: Apache-2.0
/** Past prices and the forecast as columns of one chart: a number for each time, null where there is none. */
import { microOf } from '@/shared/format'
import type { PriceStep } from '@/shared/forecast/outlook'

export interface PaidPrice {
  readonly start: string
  readonly averagePerKwh: string
  readonly lowPerKwh: string
  readonly highPerKwh: string
}

type Column = (number | null)[]

export interface PriceColumns {
  /** Seconds since 1970, ascending. */
  readonly starts: number[]
  readonly average: Column
  readonly low: Column
  readonly high: Column
  readonly likely: Column
  readonly likelyLow: Column
  readonly likelyHigh: Column
  /** The last average as the API wrote it; the first forecast in micro-units. */
  readonly last: string | null
  readonly next: bigint | null
}

export function priceColumns(paid: readonly PaidPrice[], foreseen: readonly PriceStep[]): PriceColumns {
  const past = new Map(paid.map((one) => [Date.parse(one.start) / 1000, one]))
  const future = new Map(foreseen.filter((one) => one.priceMicro !== null).map((one) => [one.start.getTime() / 1000, one]))
  const starts = [...new Set([...past.keys(), ...future.keys()])].sort((one, other) => one - other)
  const ofPast = (pick: (one: PaidPrice) => string): Column =>
    starts.map((start) => {
      const one = past.get(start)
      return one === undefined ? null : drawn(microOf(pick(one)))
    })
  const ofFuture = (pick: (one: PriceStep) => bigint | null): Column =>
    starts.map((start) => {
      const one = future.get(start)
      const micro = one === undefined ? null : pick(one)
      return micro === null ? null : drawn(micro)
    })
  return {
    starts,
    average: ofPast((one) => one.averagePerKwh),
    low: ofPast((one) => one.lowPerKwh),
    high: ofPast((one) => one.highPerKwh),
    likely: ofFuture((one) => one.priceMicro),
    likelyLow: ofFuture((one) => one.lowMicro),
    likelyHigh: ofFuture((one) => one.highMicro),
    last: paid.at(-1)?.averagePerKwh ?? null,
    next: [...future.values()][0]?.priceMicro ?? null,
  }
}

/** For drawing only. */
const drawn = (micro: bigint): number => Number(micro) / 1e6
