// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowDownLeft, ArrowUpRight, Clock3, ScrollText } from 'lucide-react'
import { useState } from 'react'
import type { Schemas } from '@/shared/api'
import { formatCarbon, formatDateTime, gramsOf } from '@/shared/format'
import { Badge, Card, cn, EmptyState, Hash, Pagination, ProblemNotice, Select, Skeleton, Table, Td, Th } from '@/shared/ui'
import { directionOf, meaningOf, MOVEMENT_NAMES, type MovementType } from './movements'
import { entriesQuery } from './queries'

type Movement = Schemas['MovementOut']
const TYPES = Object.keys(MOVEMENT_NAMES) as MovementType[]

/** Every entry of the ledger that touched one's wallets. */
export function Entries({ userId }: { userId: string }) {
  const [type, setType] = useState<MovementType | undefined>()
  const [page, setPage] = useState(1)
  const entries = useQuery(entriesQuery(userId, type, page))
  return (
    <Card
      title="Entries"
      description="Nothing is ever changed or deleted; a correction is a further entry."
      actions={
        <Select aria-label="Kind of entry" className="w-auto" value={type ?? ''} onChange={({ target }) => { setType(TYPES.find((one) => one === target.value)); setPage(1) }}>
          <option value="">All entries</option>
          {TYPES.map((one) => <option key={one} value={one}>{MOVEMENT_NAMES[one]}</option>)}
        </Select>
      }
    >
      {entries.isPending ? (
        <div role="status" aria-label="Loading entries" className="space-y-4">{Array.from({ length: 6 }, (_, place) => <Skeleton key={place} className="h-9" />)}</div>
      ) : entries.isError ? (
        <ProblemNotice error={entries.error} onRetry={() => void entries.refetch()} />
      ) : entries.data.total === 0 ? (
        <EmptyState icon={ScrollText} title={type ? `No entry of this kind` : 'No entry yet'}>Buying a neighbour’s solar power earns the first one.</EmptyState>
      ) : (
        <>
          <Table label="Entries">
            <thead><tr><Th className="hidden sm:table-cell">Booked</Th><Th>Entry</Th><Th>For</Th><Th num>CO₂e</Th></tr></thead>
            <tbody>{entries.data.items.map((entry) => <Entry key={entry.id} entry={entry} />)}</tbody>
          </Table>
          <Pagination page={page} limit={entries.data.limit} total={entries.data.total} onPage={setPage} />
        </>
      )}
    </Card>
  )
}

function Entry({ entry }: { entry: Movement }) {
  const direction = directionOf(entry)
  const Sign = direction === 'in' ? ArrowDownLeft : direction === 'out' ? ArrowUpRight : Clock3
  return (
    <tr>
      <Td className="hidden whitespace-nowrap text-muted sm:table-cell">{formatDateTime(entry.bookedAt)}</Td>
      <Td title={meaningOf(entry)}>
        <Badge tone={direction === 'in' ? 'carbon' : direction === 'out' ? 'violet' : 'info'}><Sign aria-hidden /> {entry.kind === 'retired' ? 'Retired' : MOVEMENT_NAMES[entry.type]}</Badge>
        <span className="sr-only">{meaningOf(entry)}</span>
        <span className="mt-1 block text-xs text-muted sm:hidden">{formatDateTime(entry.bookedAt)}</span>
      </Td>
      <Td><Reference entry={entry} /></Td>
      <Td num className={cn('font-semibold', direction === 'in' && 'text-carbon')}>
        {direction === 'out' && '−'}{formatCarbon(gramsOf(entry.carbonKg))}
      </Td>
    </tr>
  )
}

function Reference({ entry }: { entry: Movement }) {
  const link = 'text-link underline-offset-4 hover:underline'
  if (entry.tradeId) return <Link to="/trades/$id" params={{ id: entry.tradeId }} className={link}>Trade{entry.deliveryStart && <span className="block text-xs text-muted sm:ml-2 sm:inline sm:text-sm">delivered {formatDateTime(entry.deliveryStart)}</span>}</Link>
  if (entry.kind === 'retired' && entry.documentId) return <Link to="/certificates/$documentId" params={{ documentId: entry.documentId }} className={link}>Certificate</Link>
  if (entry.counterparty?.startsWith('0x')) return <Hash value={entry.counterparty} />
  return <span className="text-muted">{entry.counterparty ?? '–'}</span>
}
