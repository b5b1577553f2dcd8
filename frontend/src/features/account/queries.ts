// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'

export type Session = Schemas['SessionOut']
export type ApiKey = Schemas['ApiKeyOut']

export const sessionsQuery = queryOptions({ queryKey: ['account', 'sessions'], queryFn: () => take(api.GET('/api/users/me/sessions')) })

export const walletsQuery = queryOptions({ queryKey: ['account', 'wallets'], queryFn: () => take(api.GET('/api/users/me/wallets')) })

export const keysQuery = (page: number) =>
  queryOptions({
    queryKey: ['account', 'keys', page],
    queryFn: () => takePage(api.GET('/api/api-keys', { params: { query: { page, limit: 20 } } })),
  })
