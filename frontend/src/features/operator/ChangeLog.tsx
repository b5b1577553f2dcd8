// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { ScrollText } from 'lucide-react'
import { useDeferredValue, useState } from 'react'
import { formatDateTime, shortHex } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Card, CardSkeleton, EmptyState, Field, Input, Pagination, ProblemNotice, Table, Td, Th } from '@/shared/ui'
import { auditLogQuery } from './queries'

/** Every change: who did what to what. Entries hold plain facts, never names or secrets. */
export function ChangeLog({ organization }: { organization: Organization }) {
  const [page, setPage] = useState(1)
  const [action, setAction] = useState('')
  const asked = useDeferredValue(action.trim())
  const log = useQuery(auditLogQuery(organization.id, page, asked || undefined))
  return (
    <Card title="Change log" description="Written with each change, and never altered.">
      <Field label="Action" hint="For example wallet.linked or membership.set" className="mb-4 max-w-xs">
        {(parts) => (
          <Input
            {...parts} value={action} spellCheck={false} maxLength={80}
            onChange={({ target }) => {
              setAction(target.value)
              setPage(1)
            }}
          />
        )}
      </Field>
      {log.isPending ? (
        <CardSkeleton lines={6} />
      ) : log.isError ? (
        <ProblemNotice error={log.error} onRetry={() => void log.refetch()} />
      ) : log.data.total === 0 ? (
        <EmptyState icon={ScrollText} title={asked ? 'No entry has this action' : 'Nothing was changed yet'} />
      ) : (
        <>
          <Table label="Change log">
            <thead><tr><Th>When</Th><Th>Action</Th><Th>By</Th><Th>About</Th><Th>Facts</Th></tr></thead>
            <tbody>
              {log.data.items.map((entry) => (
                <tr key={entry.id}>
                  <Td className="whitespace-nowrap">{formatDateTime(entry.at)}</Td>
                  <Td className="font-mono text-xs">{entry.action}</Td>
                  <Td className="font-mono text-xs text-muted">{entry.userId ? shortHex(entry.userId) : 'GridX'}</Td>
                  <Td className="text-muted">{entry.subjectType} <span className="font-mono text-xs">{entry.subjectId ? shortHex(entry.subjectId) : ''}</span></Td>
                  <Td className="max-w-72 font-mono text-xs break-words text-muted">{factsText(entry.details)}</Td>
                </tr>
              ))}
            </tbody>
          </Table>
          <Pagination page={page} limit={log.data.limit} total={log.data.total} onPage={setPage} />
        </>
      )}
    </Card>
  )
}

const factsText = (facts: Readonly<Record<string, unknown>>): string =>
  Object.entries(facts).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ') || '–'
