// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, ApiProblem, take, takePage, type Schemas } from '@/shared/api'

export type Operations = Schemas['OperationsOut']
export type Member = Schemas['MemberOut']
export type Role = Schemas['OrgRole']

/** One part of the service: whether it is well, how long it took to answer, and why it is not. */
export interface Part {
  status: 'ok' | 'down'
  latencyMs: number
  why?: string
}

export interface Health {
  status: 'ok' | 'degraded' | 'down'
  parts: Readonly<Record<string, Part>>
}

const SOON_MS = 5_000

/** 503 carries the same body: a part that is down is what this page is for. */
export const healthQuery = queryOptions({
  queryKey: ['operator', 'health'],
  queryFn: async (): Promise<Health> => {
    const answer = await fetch('/health/detailed').catch(() => null)
    if (answer === null) throw new ApiProblem(0, 'network.unreachable', 'The server cannot be reached')
    const body = (await answer.json().catch(() => null)) as Health | null
    if (!body?.parts) throw new ApiProblem(answer.status, 'service.unavailable', `The server answered ${answer.status}`)
    return body
  },
  refetchInterval: SOON_MS,
})

export const chainQuery = queryOptions({
  queryKey: ['operator', 'chain'],
  queryFn: () => take(api.GET('/api/blockchain/status')),
  refetchInterval: SOON_MS,
})

export const operationsQuery = queryOptions({
  queryKey: ['operator', 'operations'],
  queryFn: () => take(api.GET('/api/operations')),
  refetchInterval: SOON_MS,
})

export const membersQuery = (orgId: string, page: number) =>
  queryOptions({
    queryKey: ['operator', 'members', orgId, page],
    queryFn: () =>
      takePage(api.GET('/api/organizations/{org_id}/memberships', { params: { path: { org_id: orgId }, query: { page, limit: 20 } } })),
    placeholderData: keepPreviousData,
  })

export const auditLogQuery = (orgId: string, page: number, action: string | undefined) =>
  queryOptions({
    queryKey: ['operator', 'log', orgId, page, action],
    queryFn: () =>
      takePage(api.GET('/api/audit-log', { params: { query: { page, limit: 20, action } }, headers: { 'X-Org-Id': orgId } })),
    placeholderData: keepPreviousData,
  })
