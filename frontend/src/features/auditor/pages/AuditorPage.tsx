// SPDX-License-Identifier: Apache-2.0
/** The audit: everything is rebuilt from the chain and compared with what GridX has recorded. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Play, ScanSearch } from 'lucide-react'
import { api, ApiProblem, take } from '@/shared/api'
import { needsOwnDocument } from '@/shared/routing'
import { Button, CardSkeleton, EmptyState, PageHeader, PageSkeleton, ProblemNotice, toast } from '@/shared/ui'
import { Orphans } from '../Orphans'
import { isUnfinished, runsQuery } from '../queries'
import { RunList } from '../RunList'
import { RunView } from '../RunView'

const route = getRouteApi('/auditor')

export function AuditorPage() {
  return needsOwnDocument() ? <PageSkeleton /> : <Auditor />
}

function Auditor() {
  const { run: chosen, page = 1 } = route.useSearch()
  const navigate = route.useNavigate()
  const client = useQueryClient()
  const runs = useQuery(runsQuery(page))
  const start = useMutation({
    mutationFn: () => take(api.POST('/api/audit/runs')),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['auditor'] })
      await navigate({ search: {}, replace: true })
    },
    onError: (error) => toast.problem(error),
  })
  const isForbidden = runs.error instanceof ApiProblem && runs.error.status === 403
  const isBusy = start.isPending || (runs.data?.items.some(isUnfinished) ?? false)
  const shown = chosen ?? runs.data?.items[0]?.id
  return (
    <>
      <PageHeader
        title="Audit"
        description="Every trade, balance and document is rebuilt from the chain alone and compared with GridX’s records, by code that shares nothing with the recorder."
        actions={!isForbidden && <Button busy={isBusy} onClick={() => start.mutate()}><Play aria-hidden /> {isBusy ? 'Audit runs' : 'Run the audit'}</Button>}
      />
      <div className="space-y-4">
        {runs.isPending ? (
          <CardSkeleton lines={6} />
        ) : isForbidden ? (
          <EmptyState icon={ScanSearch} title="Only auditors start and read audits">
            An operator of your organisation can give you the role. Anybody may run the same audit from the command line: gridx audit.
          </EmptyState>
        ) : runs.isError ? (
          <ProblemNotice error={runs.error} onRetry={() => void runs.refetch()} />
        ) : shown === undefined ? (
          <EmptyState icon={ScanSearch} title="No audit was made yet">
            Start one: it reads the chain from the contract’s first block and names each difference. It takes about half a minute for 100,000 trades.
          </EmptyState>
        ) : (
          <>
            <RunView id={shown} />
            <RunList runs={runs.data} shown={shown} onShow={(run) => void navigate({ search: { run, page: page > 1 ? page : undefined } })} onPage={(next) => void navigate({ search: { page: next } })} />
          </>
        )}
        <Orphans />
      </div>
    </>
  )
}
