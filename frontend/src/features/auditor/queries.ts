// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'

export type Run = Schemas['AuditRunOut']
export type Orphan = Schemas['OrphanOut']

const WATCHED_MS = 700

export const isUnfinished = ({ state }: Run): boolean => state === 'queued' || state === 'running'

export const runsQuery = (page: number) =>
  queryOptions({
    queryKey: ['auditor', 'runs', page],
    queryFn: () => takePage(api.GET('/api/audit/runs', { params: { query: { page, limit: 10 } } })),
    refetchInterval: ({ state: { data } }) => (data?.items.some(isUnfinished) ? WATCHED_MS : false),
  })

/** One audit with its report; asked for again while it runs. */
export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['auditor', 'run', id],
    queryFn: () => take(api.GET('/api/audit/runs/{run_id}', { params: { path: { run_id: id } } })),
    refetchInterval: ({ state: { data } }) => (data && isUnfinished(data.run) ? WATCHED_MS : false),
  })

export const orphansQuery = (page: number) =>
  queryOptions({
    queryKey: ['auditor', 'orphans', page],
    queryFn: () => takePage(api.GET('/api/audit/orphans', { params: { query: { page, limit: 10 } } })),
  })
