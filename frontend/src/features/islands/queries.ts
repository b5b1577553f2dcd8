// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, take, takeFile, takePage, type Schemas } from '@/shared/api'

export type Island = Schemas['IslandOut']
export type CriticalLoad = Schemas['CriticalLoadOut']
export type Storage = Schemas['StorageOut']

export const ISLANDS_KEY = ['islands'] as const
const ISLANDS_ON_A_PAGE = 10
const ROWS_ON_A_PAGE = 20
const MOST = 100
const WAITING_POLL_MS = 3_000

export const islandsQuery = (orgId: string, page = 1) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'list', orgId, page],
    queryFn: () => takePage(api.GET('/api/market/islands', { params: { query: { page, limit: ISLANDS_ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
  })

export const islandQuery = (islandId: string) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'one', islandId],
    queryFn: () => take(api.GET('/api/market/islands/{island_id}', { params: { path: { island_id: islandId } } })),
  })

export const allocationsQuery = (islandId: string, page = 1, limit = ROWS_ON_A_PAGE) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'allocations', islandId, page, limit],
    queryFn: () =>
      takePage(api.GET('/api/market/islands/{island_id}/allocations', { params: { path: { island_id: islandId }, query: { page, limit } } })),
    placeholderData: keepPreviousData,
  })

export const intentsQuery = (islandId: string, page: number) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'intents', islandId, page],
    queryFn: () =>
      takePage(api.GET('/api/market/islands/{island_id}/intents', { params: { path: { island_id: islandId }, query: { page, limit: ROWS_ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state: { data } }) => (data?.items.some(({ state }) => state === 'waiting') ? WAITING_POLL_MS : false),
  })

export const criticalLoadsQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'critical-loads', orgId],
    queryFn: () => takePage(api.GET('/api/market/islands/critical-loads', { params: { query: { limit: MOST } } })),
  })

export const storagesQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'storages', orgId],
    queryFn: () => takePage(api.GET('/api/market/islands/storages', { params: { query: { limit: MOST } } })),
  })

/** Names of the houses that one sees, by id. */
export const houseNamesQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'houses', orgId],
    queryFn: async () => {
      const { items } = await takePage(api.GET('/api/houses', { params: { query: { limit: MOST } } }))
      return new Map(items.map(({ id, name }) => [id, name]))
    },
    staleTime: 60_000,
  })

/** Sums of the report; all of it is in the file. Energy in Wh. */
export interface ReportSummary {
  houses: { house: string; intervals: number; generationWh: number; demandWh: number; criticalWh: number; shareWh: number; criticalShareWh: number }[]
  intervals: number
  intents: { logged: number; waiting: number; conflict: number }
  loggedInOrder: boolean
}

export const reportPath = (islandId: string, format: 'json' | 'csv') => `/api/market/islands/${islandId}/report${format === 'csv' ? '.csv' : ''}`

/** The report of an island, for operators. */
export const reportQuery = (islandId: string) =>
  queryOptions({
    queryKey: [...ISLANDS_KEY, 'report', islandId],
    queryFn: async () => {
      const file = await takeFile(reportPath(islandId, 'json'))
      return (JSON.parse(await file.text()) as { summary: ReportSummary }).summary
    },
  })
