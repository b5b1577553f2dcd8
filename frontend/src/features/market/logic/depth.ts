// SPDX-License-Identifier: Apache-2.0
/** A book as the page holds it: levels kept by live changes, cumulated for the depth chart. */
import { microOf, whOf } from '@/shared/format'

export type Side = 'offer' | 'bid'

/** Open energy at one limit in one grid zone, in Wh and micro-units per kWh. */
export interface Level {
  readonly side: Side
  readonly zone: string
  readonly priceMicro: bigint
  readonly energyWh: bigint
  readonly orders: number
}

export interface Book {
  readonly version: number
  readonly isClosed: boolean
  readonly levels: readonly Level[]
}

/** A level as the API's book shows it. */
export interface ShownLevel {
  readonly side: Side
  readonly zone: string
  readonly pricePerKwh: string
  readonly energyKwh: string
  readonly orders: number
}

/** Live event `market.book_changed.v1`; whole numbers beyond 2^53 come as text. */
export interface BookChanged {
  readonly community: number
  readonly deliveryStart: string
  readonly version: number
  readonly isClosed: boolean
  readonly levels: readonly {
    readonly side: string
    readonly zone: string
    readonly priceMicroPerKwh: number | string
    readonly energyWh: number | string
    readonly orders: number
  }[]
}

/** One step of a depth chart: all energy at this limit or a better one. */
export interface DepthPoint {
  readonly priceMicro: bigint
  readonly energyWh: bigint
  readonly totalWh: bigint
  readonly orders: number
}

export function readLevel(level: ShownLevel): Level {
  return {
    side: level.side,
    zone: level.zone,
    priceMicro: microOf(level.pricePerKwh),
    energyWh: whOf(level.energyKwh),
    orders: level.orders,
  }
}

/** The book after a change; null when changes between are missing: it must be loaded anew. */
export function applyChange(book: Book, change: BookChanged): Book | null {
  if (change.version <= book.version) return book
  if (change.version !== book.version + 1) return null
  const levels = new Map(book.levels.map((level) => [keyOf(level), level]))
  for (const changed of change.levels) {
    const level: Level = {
      side: changed.side === 'bid' ? 'bid' : 'offer',
      zone: changed.zone,
      priceMicro: BigInt(changed.priceMicroPerKwh),
      energyWh: BigInt(changed.energyWh),
      orders: changed.orders,
    }
    if (level.energyWh === 0n) levels.delete(keyOf(level))
    else levels.set(keyOf(level), level)
  }
  return { version: change.version, isClosed: change.isClosed, levels: [...levels.values()] }
}

/** Levels of one side, best first, zones of equal price added up, energy cumulated from the best on. */
export function depth(levels: readonly Level[], side: Side): DepthPoint[] {
  const byPrice = new Map<bigint, { energyWh: bigint; orders: number }>()
  for (const level of levels) {
    if (level.side !== side) continue
    const held = byPrice.get(level.priceMicro) ?? { energyWh: 0n, orders: 0 }
    byPrice.set(level.priceMicro, { energyWh: held.energyWh + level.energyWh, orders: held.orders + level.orders })
  }
  const direction = side === 'offer' ? 1 : -1
  const sorted = [...byPrice].sort(([one], [other]) => (one < other ? -direction : one > other ? direction : 0))
  let totalWh = 0n
  return sorted.map(([priceMicro, { energyWh, orders }]) => {
    totalWh += energyWh
    return { priceMicro, energyWh, totalWh, orders }
  })
}

/** Best offer minus best bid in micro-units; null while a side is empty. */
export function spreadMicro(levels: readonly Level[]): bigint | null {
  const [offer] = depth(levels, 'offer')
  const [bid] = depth(levels, 'bid')
  return offer && bid ? offer.priceMicro - bid.priceMicro : null
}

/** What buying or selling `energyWh` at once would cost on average now, and how much of it there is. */
export function fillEstimate(points: readonly DepthPoint[], energyWh: bigint): { filledWh: bigint; averageMicro: bigint } {
  let filledWh = 0n
  let cost = 0n
  for (const point of points) {
    const taken = energyWh - filledWh < point.energyWh ? energyWh - filledWh : point.energyWh
    if (taken <= 0n) break
    filledWh += taken
    cost += taken * point.priceMicro
  }
  return { filledWh, averageMicro: filledWh === 0n ? 0n : cost / filledWh }
}

function keyOf(level: Level): string {
  return `${level.side} ${level.zone} ${level.priceMicro}`
}
