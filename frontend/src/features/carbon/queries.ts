// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'
import type { MovementType } from './movements'

export type CarbonWallet = Schemas['CarbonWalletOut']
export type Balance = Schemas['BalanceOut']
export type Certificate = Schemas['CertificateOut']

export const walletKey = ['carbon', 'wallet'] as const
const ENTRIES_ON_A_PAGE = 15
const DOCUMENTS_ON_A_PAGE = 10

export const entriesQuery = (userId: string, type: MovementType | undefined, page: number) =>
  queryOptions({
    queryKey: [...walletKey, userId, 'entries', type ?? 'all', page],
    queryFn: () =>
      takePage(
        api.GET('/api/carbon-wallet/{user_id}/transactions', {
          params: { path: { user_id: userId }, query: { type, page, limit: ENTRIES_ON_A_PAGE } },
        }),
      ),
    placeholderData: keepPreviousData,
  })

export const retirementsQuery = (userId: string, page: number) =>
  queryOptions({
    queryKey: [...walletKey, userId, 'retirements', page],
    queryFn: () =>
      takePage(
        api.GET('/api/carbon-wallet/{user_id}/retirements', {
          params: { path: { user_id: userId }, query: { page, limit: DOCUMENTS_ON_A_PAGE } },
        }),
      ),
    placeholderData: keepPreviousData,
  })

export const certificateQuery = (documentId: string) =>
  queryOptions({
    queryKey: ['carbon', 'certificate', documentId],
    queryFn: () => take(api.GET('/api/carbon-wallet/certificates/{document_id}', { params: { path: { document_id: documentId } } })),
  })

/** The newest factor for avoided emissions of a region. */
export const factorQuery = (region: string) =>
  queryOptions({
    queryKey: ['carbon', 'factor', region],
    queryFn: async () => {
      const { items } = await takePage(api.GET('/api/emission-factors', { params: { query: { region, basis: 'nonBaseload', limit: 100 } } }))
      return items.toSorted((one, other) => Date.parse(other.effectiveAt) - Date.parse(one.effectiveAt))[0] ?? null
    },
    staleTime: 5 * 60_000,
  })
