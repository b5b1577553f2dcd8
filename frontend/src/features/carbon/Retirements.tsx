// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Award, FileText } from 'lucide-react'
import { useState } from 'react'
import { formatCarbon, formatDate, gramsOf } from '@/shared/format'
import { Card, EmptyState, Pagination, ProblemNotice, Skeleton } from '@/shared/ui'
import { retirementsQuery } from './queries'

/** One's certificates. */
export function Retirements({ userId }: { userId: string }) {
  const [page, setPage] = useState(1)
  const retirements = useQuery(retirementsQuery(userId, page))
  return (
    <Card title="Certificates" description="What you retired for ever. Whoever has the link can check it.">
      {retirements.isPending ? (
        <Skeleton className="h-14" />
      ) : retirements.isError ? (
        <ProblemNotice error={retirements.error} onRetry={() => void retirements.refetch()} />
      ) : retirements.data.total === 0 ? (
        <EmptyState icon={Award} title="No certificate yet">Retire available carbon for a flight, a product or a year of your home: the certificate says what for.</EmptyState>
      ) : (
        <>
          <ul className="-my-1 divide-y divide-line/60">
            {retirements.data.items.map((one) => (
              <li key={one.id} className="flex items-center gap-3 py-3">
                <span className="grid size-10 shrink-0 place-items-center rounded-xl bg-carbon/10 text-carbon"><Award className="size-5" aria-hidden /></span>
                <span className="min-w-0 flex-1">
                  <Link to="/certificates/$documentId" params={{ documentId: one.id }} className="block truncate font-medium text-link underline-offset-4 hover:underline">{one.reason}</Link>
                  <span className="text-xs text-muted tabular-nums">{formatCarbon(gramsOf(one.carbonKg))} CO₂e · {formatDate(one.createdAt)}</span>
                </span>
                <a href={`/api/carbon-wallet/certificates/${one.id}/pdf`} target="_blank" rel="noreferrer" className="inline-flex min-h-11 items-center gap-1.5 rounded-lg px-3 text-sm text-muted hover:bg-hover hover:text-fg">
                  <FileText className="size-4" aria-hidden /> PDF<span className="sr-only"> of {one.reason} (opens in a new tab)</span>
                </a>
              </li>
            ))}
          </ul>
          <Pagination page={page} limit={retirements.data.limit} total={retirements.data.total} onPage={setPage} />
        </>
      )}
    </Card>
  )
}
