// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'
import { begun, range, type Resolution, type Span } from './series'

export type House = Schemas['HouseOut']
export type Meter = Schemas['MeterOut']
export type Correction = Schemas['CorrectionOut']

export const HOUSES_KEY = ['houses', 'list'] as const
const HOUSES_ON_A_PAGE = 24
const BUCKETS_ON_A_PAGE = 100
const MOST_PAGES = 10
const CORRECTIONS_ON_A_PAGE = 10

/** One's own houses, or all of the community for its operators. */
export const housesQuery = (orgId: string | null, ownerId: string | undefined, page: number) =>
  queryOptions({
    queryKey: [...HOUSES_KEY, orgId, ownerId ?? 'all', page],
    queryFn: () => takePage(api.GET('/api/houses', { params: { query: { ownerId, page, limit: HOUSES_ON_A_PAGE } } })),
    placeholderData: keepPreviousData,
  })

export const houseQuery = (houseId: string) =>
  queryOptions({
    queryKey: ['houses', 'one', houseId],
    queryFn: () => take(api.GET('/api/houses/{house_id}', { params: { path: { house_id: houseId } } })),
  })

/** The meters that the chain enrolled for one's wallets in the acting community. */
export const metersQuery = (orgId: string | null) =>
  queryOptions({
    queryKey: ['houses', 'meters', orgId],
    queryFn: () => take(api.GET('/api/houses/meters')),
  })

export const readingsKey = (houseId: string) => ['houses', 'readings', houseId] as const

export interface Shown {
  span: Span
  /** Any day of the span, in the community's calendar. */
  day: string
  resolution: Resolution
}

/** The readings of a span; a long one comes in pages, ten at most. */
export const readingsQuery = (houseId: string, { span, day, resolution }: Shown, timeZone: string) =>
  queryOptions({
    queryKey: [...readingsKey(houseId), span, day, resolution, timeZone],
    queryFn: async () => {
      const ask = (page: number) =>
        takePage(
          api.GET('/api/energy-production', {
            params: { query: { houseId, ...range(span, day, timeZone), resolution, page, limit: BUCKETS_ON_A_PAGE } },
          }),
        )
      const first = await ask(1)
      const pages = Math.min(MOST_PAGES, Math.ceil(first.total / BUCKETS_ON_A_PAGE))
      const rest = await Promise.all(Array.from({ length: Math.max(0, pages - 1) }, (_, at) => ask(at + 2)))
      return begun([first, ...rest].flatMap(({ items }) => items), Date.now())
    },
    placeholderData: keepPreviousData,
  })

export const correctionsQuery = (houseId: string, page: number) =>
  queryOptions({
    queryKey: [...readingsKey(houseId), 'corrections', page],
    queryFn: () =>
      takePage(
        api.GET('/api/energy-production/{house_id}/corrections', {
          params: { path: { house_id: houseId }, query: { page, limit: CORRECTIONS_ON_A_PAGE } },
        }),
      ),
    placeholderData: keepPreviousData,
  })
