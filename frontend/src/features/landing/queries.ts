// SPDX-License-Identifier: Apache-2.0
/** What everybody may see: totals, the last trades, the first places, and where the chain stands. */
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage } from '@/shared/api'

export const totalsQuery = queryOptions({
  queryKey: ['landing', 'totals'],
  queryFn: () => take(api.GET('/api/energy-trades/totals')),
})

export const lastTradesQuery = queryOptions({
  queryKey: ['landing', 'trades'],
  queryFn: () => takePage(api.GET('/api/energy-trades', { params: { query: { limit: 6 } } })),
})

export const firstPlacesQuery = queryOptions({
  queryKey: ['landing', 'places'],
  queryFn: () => takePage(api.GET('/api/carbon-wallet/leaderboard', { params: { query: { period: 'all', limit: 5 } } })),
})

export const chainQuery = queryOptions({
  queryKey: ['landing', 'chain'],
  queryFn: () => take(api.GET('/api/blockchain/status')),
  refetchInterval: 15_000,
})
