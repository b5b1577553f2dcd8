// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, ApiProblem, take, takePage } from '@/shared/api'
import { queryOf, type TradeSearch } from './filters'
import { isMoving } from './states'

export const ON_A_PAGE = 25
const SOON_MS = 2_000
const LATER_MS = 15_000

export const tradesQuery = (search: TradeSearch, userId: string) =>
  queryOptions({
    queryKey: ['trades', 'list', userId, search],
    queryFn: () =>
      takePage(api.GET('/api/energy-trades', { params: { query: { ...queryOf(search, userId), page: search.page ?? 1, limit: ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
  })

/** One trade; while it is on its way it is asked for again, because blocks are no events. */
export const tradeQuery = (id: string) =>
  queryOptions({
    queryKey: ['trades', 'one', id],
    queryFn: () => take(api.GET('/api/energy-trades/{trade_id}', { params: { path: { trade_id: id } } })),
    refetchInterval: ({ state: { data } }) => {
      if (!data || !isMoving(data)) return false
      const isWaiting = data.status === 'pending' || data.confirmations < (data.requiredConfirmations ?? 0)
      return isWaiting ? SOON_MS : LATER_MS
    },
  })

/** Every observation of a transaction's logs: also those of blocks that lost. */
export const observationsQuery = (txHash: string) =>
  queryOptions({
    queryKey: ['trades', 'observations', txHash],
    queryFn: () => take(api.GET('/api/blockchain/tx/{tx_hash}', { params: { path: { tx_hash: txHash } } })),
  })

/** Who was there when a price was made may see its receipt; null for all others. */
export const receiptQuery = (tradeId: string) =>
  queryOptions({
    queryKey: ['trades', 'receipt', tradeId],
    queryFn: async () => {
      const [match] = (await takePage(api.GET('/api/market/matches', { params: { query: { tradeId } } }))).items
      if (!match) return null
      return take(api.GET('/api/market/matches/{match_id}/receipt', { params: { path: { match_id: match.id } } }))
    },
    staleTime: Infinity,
  })

export const deliveriesQuery = (tradeId: string) =>
  queryOptions({
    queryKey: ['trades', 'deliveries', tradeId],
    queryFn: () => take(api.GET('/api/market/deliveries/{trade_id}', { params: { path: { trade_id: tradeId } } })),
  })

/** Currency by community. */
export const currenciesQuery = queryOptions({
  queryKey: ['trades', 'currencies'],
  queryFn: async () => {
    const communities = await take(api.GET('/api/communities'))
    return new Map(communities.map((one) => [one.community, one.currency]))
  },
  staleTime: 5 * 60_000,
  structuralSharing: false,
})

export const isNotFound = (error: unknown): boolean => error instanceof ApiProblem && error.status === 404
