// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, take } from '@/shared/api'
import { LEVEL, readOutlook, readPrices } from './outlook'

const MINUTE_MS = 60_000

/** Prices that a community's next day is likely to see, by interval of delivery. */
export const priceForecastQuery = (communityId: string) =>
  queryOptions({
    queryKey: ['forecast', 'prices', communityId],
    queryFn: async () => readPrices(await take(api.POST('/api/ai/price', { body: { communityId, levels: [LEVEL] } }))),
    staleTime: MINUTE_MS,
    refetchInterval: 5 * MINUTE_MS,
  })

/** Supply, demand and the best hours of a community's next day. */
export const outlookQuery = (communityId: string) =>
  queryOptions({
    queryKey: ['forecast', 'outlook', communityId],
    queryFn: async () => {
      const query = { communityId, hours: 24 } as unknown as undefined // the AI service documents its own parameters
      return readOutlook(await take(api.GET('/api/ai/market-analysis', { params: { query } })))
    },
    staleTime: 5 * MINUTE_MS,
    refetchInterval: 10 * MINUTE_MS,
  })
