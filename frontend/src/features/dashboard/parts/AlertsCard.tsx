// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Bell, CircleCheck, Info, TriangleAlert } from 'lucide-react'
import { formatAgo } from '@/shared/format'
import { Card, CardSkeleton, EmptyState, ProblemNotice, cn } from '@/shared/ui'
import { alertWords, type Alert } from '../logic/alerts'
import { alertsQuery } from '../queries'

const SIGNS = { danger: TriangleAlert, warning: TriangleAlert, info: Info, success: CircleCheck }
const COLORS = { danger: 'text-danger', warning: 'text-warning', info: 'text-info', success: 'text-success' }

/** What has happened of late that everybody, or the reader, should know. */
export function AlertsCard() {
  const alerts = useQuery(alertsQuery)
  if (alerts.isPending) return <CardSkeleton lines={3} />
  if (alerts.isError) return <ProblemNotice error={alerts.error} onRetry={() => void alerts.refetch()} />
  return (
    <Card title="Alerts">
      {alerts.data.length === 0 ? (
        <EmptyState icon={Bell} title="All quiet">
          Nothing out of the ordinary in the last three days.
        </EmptyState>
      ) : (
        <ul className="space-y-3">
          {alerts.data.map((alert) => (
            <AlertLine key={alert.sequence} alert={alert} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function AlertLine({ alert }: { alert: Alert }) {
  const { title, text, tone, isAboutIslands } = alertWords(alert)
  const Sign = SIGNS[tone]
  return (
    <li className="flex gap-3 text-sm">
      <Sign className={cn('mt-0.5 size-4 shrink-0', COLORS[tone])} aria-hidden />
      <div className="min-w-0">
        <p className="font-medium">{isAboutIslands ? <Link to="/islands" className="hover:underline">{title}</Link> : title}</p>
        {text && <p className="break-words text-muted">{text}</p>}
        <p className="text-xs text-muted">{formatAgo(alert.at)}</p>
      </div>
    </li>
  )
}
