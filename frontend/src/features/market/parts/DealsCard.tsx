// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Handshake } from 'lucide-react'
import { formatAgo, formatInterval, groupedText, microOf, whOf } from '@/shared/format'
import { Badge, Card, CardSkeleton, EmptyState, ProblemNotice, Table, Td, Th, type Tone } from '@/shared/ui'
import { dealsQuery, type Deal } from '../queries'
import type { Community } from '@/shared/session'

const STATES: Readonly<Record<Deal['state'], readonly [label: string, tone: Tone]>> = {
  MATCHED: ['matched', 'neutral'],
  SENT: ['sent', 'info'],
  CONFIRMED: ['verified', 'success'],
  FINAL: ['verified · final', 'success'],
}

/** The last deals of the community, without their parties until the chain shows them. */
export function DealsCard({ community }: { community: Community }) {
  const deals = useQuery(dealsQuery(community.number))
  if (deals.isPending) return <CardSkeleton lines={6} />
  if (deals.isError) return <ProblemNotice error={deals.error} onRetry={() => void deals.refetch()} />
  return (
    <Card title="Recent trades" description="Matches of the book and offers taken directly">
      {deals.data.length === 0 ? (
        <EmptyState icon={Handshake} title="No trades yet">
          Deals appear here the moment they are made.
        </EmptyState>
      ) : (
        <Table label="Recent trades">
          <thead>
            <tr>
              <Th>Delivery</Th>
              <Th num>kWh</Th>
              <Th num>{community.currency}/kWh</Th>
              <Th>Made</Th>
              <Th>State</Th>
            </tr>
          </thead>
          <tbody>
            {deals.data.map((deal, place) => (
              <DealRow key={deal.tradeId ?? `${deal.dealtAt} ${place}`} deal={deal} minutes={community.minutes} />
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  )
}

function DealRow({ deal, minutes }: { deal: Deal; minutes: number }) {
  const [label, tone] = STATES[deal.state]
  return (
    <tr>
      <Td className="whitespace-nowrap tabular-nums">{formatInterval(deal.deliveryStart, minutes)}</Td>
      <Td num>{groupedText(whOf(deal.energyKwh), 3, 3)}</Td>
      <Td num>{groupedText(microOf(deal.pricePerKwh), 6, 4)}</Td>
      <Td className="whitespace-nowrap text-muted">{formatAgo(deal.dealtAt)}</Td>
      <Td>
        {deal.tradeId === null ? (
          <Badge tone={tone}>{label}</Badge>
        ) : (
          <Link to="/trades/$id" params={{ id: deal.tradeId }} className="rounded-full">
            <Badge tone={tone}>{label}</Badge>
          </Link>
        )}
      </Td>
    </tr>
  )
}
