// SPDX-License-Identifier: Apache-2.0
/** What the dashboard reads; keys begin with `dashboard`, but for what other pages change too. */
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'
import { addDays, dayOf as calendarDay, microOf, startOfDay } from '@/shared/format'
import { dayOf } from './logic/today'

export type House = Schemas['HouseOut']
export type Order = Schemas['OrderOut']

const DAY_MS = 86_400_000

export const housesQuery = (ownerId: string) =>
  queryOptions({
    queryKey: ['dashboard', 'houses', ownerId],
    queryFn: async () => (await takePage(api.GET('/api/houses', { params: { query: { ownerId, limit: 100 } } }))).items,
    staleTime: 60_000,
  })

/** Today, in the community's calendar, of all these houses. */
export const todayQuery = (houseIds: readonly string[], timeZone: string) =>
  queryOptions({
    queryKey: ['dashboard', 'today', houseIds, timeZone],
    queryFn: async () => {
      const today = calendarDay(Date.now(), timeZone)
      const from = new Date(startOfDay(today, timeZone)).toISOString()
      const to = new Date(startOfDay(addDays(today, 1), timeZone)).toISOString()
      const ask = async (houseId: string) => {
        const query = { houseId, from, to, resolution: '1h', limit: 100 } as const
        return (await takePage(api.GET('/api/energy-production', { params: { query } }))).items
      }
      return dayOf(await Promise.all(houseIds.map(ask)))
    },
    refetchInterval: 60_000,
  })

/** What was paid on average for the last delivery of a day that was traded: the interval under way, or one before it. */
export const lastPriceQuery = (community: number) =>
  queryOptions({
    queryKey: ['dashboard', 'price', community],
    queryFn: async () => {
      const now = Date.now()
      const query = { community, from: new Date(now - DAY_MS).toISOString(), to: new Date(now).toISOString(), limit: 100 }
      const prices = (await takePage(api.GET('/api/market/prices', { params: { query } }))).items
      const last = prices.at(-1)
      return last === undefined ? null : { start: last.start, priceMicro: microOf(last.averagePerKwh) }
    },
    refetchInterval: 60_000,
  })

export const openOrdersQuery = queryOptions({
  queryKey: ['dashboard', 'orders'],
  queryFn: () => takePage(api.GET('/api/market/orders', { params: { query: { state: 'OPEN', mine: true, limit: 5 } } })),
})

export const alertsQuery = queryOptions({
  queryKey: ['dashboard', 'alerts'],
  queryFn: () => take(api.GET('/api/events/alerts', { params: { query: { limit: 6 } } })),
})
