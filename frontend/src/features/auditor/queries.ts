// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, take, takePage, type Schemas } from '@/shared/api'

export type Run = Schemas['AuditRunOut']
export type Orphan = Schemas['OrphanOut']

const WATCHED_MS = 700
const FRESH_MS = 5 * 60_000
const FRESH_POLL_MS = 2_000

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

/** Whether the block that stands in an orphan's place is still to come: the follower reads it a moment after it took the trade back. */
const isFresh = ({ canonicalHash, orphanedAt }: Orphan): boolean => canonicalHash === null && Date.now() - Date.parse(orphanedAt) < FRESH_MS

export const orphansQuery = (page: number) =>
  queryOptions({
    queryKey: ['auditor', 'orphans', page],
    queryFn: () => takePage(api.GET('/api/audit/orphans', { params: { query: { page, limit: 10 } } })),
    refetchInterval: ({ state: { data } }) => (data?.items.some(isFresh) ? FRESH_POLL_MS : false),
  })
