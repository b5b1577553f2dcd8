// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, queryClient, take } from '@/shared/api'
import type { SigningPlace } from '.'

/** The contract and chain by whose domain documents are signed. */
export const signingPlaceQuery = queryOptions({
  queryKey: ['documents', 'place'],
  queryFn: async (): Promise<SigningPlace> => {
    const { chainId, address, salt } = await take(api.GET('/api/blockchain/contract'))
    return { chainId, contract: address, salt }
  },
  staleTime: 5 * 60_000,
})

export const signingPlace = (): Promise<SigningPlace> => queryClient.query({ ...signingPlaceQuery, staleTime: 'static' })
