// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, take, takePage } from '@/shared/api'
import type { BoardKey } from './board'

export const PLACES_ON_A_PAGE = 25
const TRADES_ON_A_PAGE = 20

export const boardKey = ({ period, community }: BoardKey) => ['leaderboard', 'board', period, community] as const

/** A page of a board. `viewer` is who is signed in, as their own line is marked. */
export const boardQuery = (board: BoardKey, page: number, viewer: string | null) =>
  queryOptions({
    queryKey: [...boardKey(board), page, viewer],
    queryFn: () =>
      takePage(api.GET('/api/carbon-wallet/leaderboard', { params: { query: { ...board, page, limit: PLACES_ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
  })

/** The signed-in user's own place with its neighbours. */
export const myPlaceQuery = (board: BoardKey) =>
  queryOptions({
    queryKey: [...boardKey(board), 'me'],
    queryFn: () => take(api.GET('/api/carbon-wallet/leaderboard/me', { params: { query: board } })),
  })

export const communitiesQuery = queryOptions({
  queryKey: ['leaderboard', 'communities'],
  queryFn: () => take(api.GET('/api/communities')),
  staleTime: 5 * 60_000,
})

export const holderQuery = (userId: string) =>
  queryOptions({
    queryKey: ['leaderboard', 'holder', userId],
    queryFn: () => take(api.GET('/api/carbon-wallet/leaderboard/people/{user_id}', { params: { path: { user_id: userId } } })),
  })

export const holderTradesQuery = (userId: string, page: number) =>
  queryOptions({
    queryKey: ['leaderboard', 'trades', userId, page],
    queryFn: () => takePage(api.GET('/api/energy-trades', { params: { query: { userId, page, limit: TRADES_ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
  })
