// SPDX-License-Identifier: Apache-2.0
import type { Page } from '@/shared/api'
import { formatDateTime } from '@/shared/format'
import { Badge, Button, Card, cn, Pagination, Table, Td, Th, type Tone } from '@/shared/ui'
import type { Run } from './queries'
import { runWords } from './report'

interface RunListProps {
  runs: Page<Run>
  shown: string
  onShow: (id: string) => void
  onPage: (page: number) => void
}

const toneOf = ({ state, differences }: Run): Tone => {
  if (state === 'done') return differences === 0 ? 'success' : 'danger'
  return state === 'failed' ? 'warning' : 'info'
}

/** Audits that were asked for, newest first. */
export function RunList({ runs, shown, onShow, onPage }: RunListProps) {
  return (
    <Card title="Audits so far">
      <Table label="Audits">
        <thead><tr><Th>Asked for</Th><Th num>As of block</Th><Th>Result</Th><Th><span className="sr-only">Show</span></Th></tr></thead>
        <tbody>
          {runs.items.map((run) => (
            <tr key={run.id} className={cn(run.id === shown && 'bg-primary/8')}>
              <Td className="whitespace-nowrap">{formatDateTime(run.requestedAt)}</Td>
              <Td num>{run.finalBlock?.toLocaleString('en') ?? '–'}</Td>
              <Td><Badge tone={toneOf(run)}>{run.state === 'failed' ? 'Could not be done' : runWords(run)}</Badge></Td>
              <Td className="text-right">
                {run.id === shown ? <span className="text-xs text-muted">shown</span> : (
                  <Button variant="ghost" size="sm" onClick={() => onShow(run.id)} aria-label={`Show the audit of ${formatDateTime(run.requestedAt)}`}>Show</Button>
                )}
              </Td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Pagination page={runs.page} limit={runs.limit} total={runs.total} onPage={onPage} />
    </Card>
  )
}
