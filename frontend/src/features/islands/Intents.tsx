// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Link2 } from 'lucide-react'
import { useState } from 'react'
import { formatDateTime, formatEnergy, formatPrice } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Badge, Card, CardSkeleton, EmptyState, Hash, Pagination, ProblemNotice, Table, Td, Th } from '@/shared/ui'
import { intentsQuery, type Island } from './queries'

const STATES = { logged: { tone: 'success', words: 'on chain' }, waiting: { tone: 'warning', words: 'waits' }, conflict: { tone: 'danger', words: 'conflict' } } as const

/** Matches made on the island, in the order in which they are logged; each names the hash of the one before. */
export function Intents({ island, community }: { island: Island; community: Organization }) {
  const [page, setPage] = useState(1)
  const intents = useQuery(intentsQuery(island.id, page))
  if (intents.isPending) return <CardSkeleton lines={5} />
  if (intents.isError) return <ProblemNotice error={intents.error} onRetry={() => void intents.refetch()} />
  if (intents.data.total === 0) return <EmptyState icon={Link2} title="The queue is empty">Matches that are made on the island stand here in their order, each with the hash of the one before, so that none can be slipped in or left out.</EmptyState>
  return (
    <Card>
      <Table label="Queue of matches">
        <thead><tr><Th num>No.</Th><Th num>Energy</Th><Th num>Price</Th><Th>Queued</Th><Th>State</Th><Th>Hash</Th></tr></thead>
        <tbody>
          {intents.data.items.map((one) => {
            const { tone, words } = STATES[one.state]
            const { energyWh, priceMicroPerKwh, tradeId } = one.content as { energyWh?: number; priceMicroPerKwh?: number; tradeId?: string }
            return (
              <tr key={one.sequence}>
                <Td num>{one.sequence}</Td>
                <Td num>{energyWh === undefined ? '–' : formatEnergy(BigInt(energyWh))}</Td>
                <Td num>{priceMicroPerKwh === undefined ? '–' : formatPrice(BigInt(priceMicroPerKwh), community.currency)}</Td>
                <Td className="whitespace-nowrap text-muted">{formatDateTime(one.queuedAt, community.timeZone)}{one.chainAway && <Badge tone="warning" className="ml-2">chain away</Badge>}</Td>
                <Td title={one.reason ?? undefined}>
                  {one.state === 'logged' && tradeId ? <Link to="/trades/$id" params={{ id: tradeId }}><Badge tone={tone}>{words}</Badge></Link> : <Badge tone={tone}>{words}</Badge>}
                  {one.reason && <span className="mt-1 block text-xs text-muted">{one.reason}</span>}
                </Td>
                <Td><Hash value={one.hash} /></Td>
              </tr>
            )
          })}
        </tbody>
      </Table>
      <Pagination page={page} limit={intents.data.limit} total={intents.data.total} onPage={setPage} />
    </Card>
  )
}
