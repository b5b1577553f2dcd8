// SPDX-License-Identifier: Apache-2.0
/** What this installation tells its web app: chain, contract, addresses outside. Read once. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, queryClient, take, type Schemas } from '@/shared/api'

export type Config = Schemas['ConfigOut']

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: () => take(api.GET('/api/config')),
  staleTime: Infinity,
  gcTime: Infinity,
})

export const useConfig = () => useQuery(configQuery)

export const loadConfig = (): Promise<Config> => queryClient.query({ ...configQuery, staleTime: 'static' })
