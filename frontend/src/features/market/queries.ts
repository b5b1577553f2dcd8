// SPDX-License-Identifier: Apache-2.0
/** What the market page reads. Keys begin with `market`, so that live events and purchases can ask for all of it anew. */
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'
import { microOf } from '@/shared/format'
import { readLevel, type Book } from './logic/depth'

export type Interval = Schemas['IntervalOut']
export type Deal = Schemas['DealOut']
export type Order = Schemas['OrderOut']
export type Offer = Schemas['OfferOut']
export type Capacity = Schemas['CapacityOut']
export type Rules = Schemas['RulesOut']
export type Resolution = Schemas['Resolution']

const HOUR_MS = 3_600_000
const MOST = 100

/** A book as the page keeps it; live changes are applied to it. */
export interface ShownBook extends Book {
  readonly rule: Schemas['Rule']
  readonly gateCloses: string
  readonly lastPriceMicro: bigint | null
}

/** Intervals from an hour ago to a day ahead, at most a hundred. */
export const intervalsQuery = (community: number, minutes: number) =>
  queryOptions({
    queryKey: ['market', 'intervals', community],
    queryFn: async () => {
      const step = minutes * 60_000
      const since = Math.floor(Date.now() / step) * step - HOUR_MS
      const until = since + Math.min(MOST * step, 25 * HOUR_MS)
      const query = { community, from: new Date(since).toISOString(), to: new Date(until).toISOString(), limit: MOST }
      return (await takePage(api.GET('/api/market/intervals', { params: { query } }))).items
    },
    refetchInterval: 60_000,
  })

export const rulesQuery = (community: number) =>
  queryOptions({
    queryKey: ['market', 'rules', community],
    queryFn: () => take(api.GET('/api/market/rules', { params: { query: { community } } })),
    staleTime: 60_000,
  })

export const bookKey = (community: number, deliveryStart: string) => ['market', 'book', community, deliveryStart] as const

export const bookQuery = (community: number, deliveryStart: string) =>
  queryOptions({
    queryKey: bookKey(community, deliveryStart),
    queryFn: async (): Promise<ShownBook> => {
      const found = await take(api.GET('/api/market/book', { params: { query: { community, deliveryStart } } }))
      return {
        version: found.version,
        isClosed: found.closedAt !== null,
        levels: [...found.offers, ...found.bids].map(readLevel),
        rule: found.rule,
        gateCloses: found.gateCloses,
        lastPriceMicro: found.lastPricePerKwh === null ? null : microOf(found.lastPricePerKwh),
      }
    },
    structuralSharing: false,
  })

export type PriceSpan = 'day' | 'week' | 'month'
const SPANS: Readonly<Record<PriceSpan, { hours: number; ahead: number; resolution: Resolution }>> = {
  day: { hours: 24, ahead: 24, resolution: 'interval' },
  week: { hours: 24 * 7, ahead: 24, resolution: 'hour' },
  month: { hours: 24 * 29, ahead: 24, resolution: 'day' },
}

export const pricesQuery = (community: number, span: PriceSpan) =>
  queryOptions({
    queryKey: ['market', 'prices', community, span],
    queryFn: async () => {
      const { hours, ahead, resolution } = SPANS[span]
      const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
      const from = new Date(hour - hours * HOUR_MS).toISOString()
      const to = new Date(hour + ahead * HOUR_MS).toISOString()
      const ask = (page: number) =>
        takePage(api.GET('/api/market/prices', { params: { query: { community, from, to, resolution, page, limit: MOST } } }))
      const first = await ask(1)
      const rest = await Promise.all(Array.from({ length: Math.ceil(first.total / MOST) - 1 }, (_, place) => ask(place + 2)))
      return [first, ...rest].flatMap(({ items }) => items)
    },
    staleTime: 30_000,
  })

export const dealsQuery = (community: number) =>
  queryOptions({
    queryKey: ['market', 'deals', community],
    queryFn: async () => {
      const from = new Date(Date.now() - 48 * HOUR_MS).toISOString()
      const to = new Date(Date.now() + 8 * 24 * HOUR_MS).toISOString()
      return (await takePage(api.GET('/api/market/deals', { params: { query: { community, from, to, limit: 12 } } }))).items
    },
  })

/** Direct offers that one may take; their makers alone hear of changes, so the list is asked for again and again. */
export const offersQuery = (page: number, interval: string | null, minutes: number) =>
  queryOptions({
    queryKey: ['market', 'offers', page, interval],
    queryFn: () => {
      const range = interval === null ? {} : { from: interval, to: new Date(Date.parse(interval) + minutes * 60_000).toISOString() }
      return takePage(api.GET('/api/market/offers', { params: { query: { page, limit: 8, ...range } } }))
    },
    refetchInterval: 10_000,
  })

export const capacitiesQuery = (deliveryStart: string) =>
  queryOptions({
    queryKey: ['market', 'capacities', deliveryStart],
    queryFn: () => take(api.GET('/api/market/orders/capacities', { params: { query: { deliveryStart } } })),
  })

export interface OrderFilter {
  readonly state?: Schemas['OrderState']
  readonly side?: Schemas['Side']
}

export const ordersQuery = (page: number, filter: OrderFilter) =>
  queryOptions({
    queryKey: ['market', 'orders', page, filter],
    queryFn: () => takePage(api.GET('/api/market/orders', { params: { query: { page, limit: 10, mine: true, ...filter } } })),
  })

export const matchesQuery = (orderId: string) =>
  queryOptions({
    queryKey: ['market', 'matches', orderId],
    queryFn: async () => (await takePage(api.GET('/api/market/matches', { params: { query: { orderId, limit: 20 } } }))).items,
  })

export const reservationsQuery = queryOptions({
  queryKey: ['market', 'reservations'],
  queryFn: async () => (await takePage(api.GET('/api/market/offers/reservations', { params: { query: { limit: 20 } } }))).items,
  staleTime: 0,
})
