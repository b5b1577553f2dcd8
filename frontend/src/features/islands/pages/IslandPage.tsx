// SPDX-License-Identifier: Apache-2.0
/** One island: who may use how much and why, the queue of matches as a hash chain, the report. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { ArrowLeft, Anchor } from 'lucide-react'
import { useState } from 'react'
import { ApiProblem } from '@/shared/api'
import { formatDateTime, formatInterval, formatPrice, microOf } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { useMembership, type Organization } from '@/shared/session'
import { ButtonLink, Card, CardSkeleton, EmptyState, Facts, Hash, PageHeader, PageSkeleton, Pagination, ProblemNotice } from '@/shared/ui'
import { Tabs } from '@/shared/ui/tabs'
import { Line } from '../Current'
import { Intents } from '../Intents'
import { isChainAway, StateBadge, TimeBar } from '../parts'
import { allocationsQuery, houseNamesQuery, ISLANDS_KEY, islandQuery, type Island } from '../queries'
import { Report } from '../Report'

const route = getRouteApi('/islands/$islandId')

export function IslandPage() {
  const { islandId } = route.useParams()
  const island = useQuery(islandQuery(islandId))
  const { organization, role, isSuperAdmin, isPending } = useMembership()
  useLiveInvalidation(['alerts'], ISLANDS_KEY)
  if (island.isPending || isPending) return <PageSkeleton />
  if (island.isError) {
    const isUnknown = island.error instanceof ApiProblem && island.error.status === 404
    if (!isUnknown) return <ProblemNotice error={island.error} onRetry={() => void island.refetch()} />
    return <EmptyState icon={Anchor} title="There is no such island" action={<ButtonLink to="/islands">To the islands</ButtonLink>}>It belongs to another community, or the link is wrong.</EmptyState>
  }
  if (organization === null) return <PageSkeleton />
  return <Whole island={island.data} community={organization} isOperator={isSuperAdmin || role === 'operator'} />
}

function Whole({ island, community, isOperator }: { island: Island; community: Organization; isOperator: boolean }) {
  const [tab, setTab] = useState('shares')
  const tabs = [
    { value: 'shares', label: 'Shares', content: <Shares island={island} community={community} /> },
    { value: 'queue', label: `Queue (${island.intents.toLocaleString('en')})`, content: <Intents island={island} community={community} /> },
    ...(isOperator ? [{ value: 'report', label: 'Report', content: <Report island={island} community={community} /> }] : []),
  ]
  return (
    <>
      <Link to="/islands" className="mb-3 inline-flex min-h-9 items-center gap-1.5 text-sm text-muted hover:text-fg"><ArrowLeft className="size-4" aria-hidden /> Disaster mode</Link>
      <PageHeader title={island.reason} description={`Declared for ${community.name}`} actions={<StateBadge island={island} />} />
      <Card className="mb-6" bodyClassName="grid gap-6 lg:grid-cols-2">
        <div>
          <TimeBar island={island} />
          <Facts
            className="mt-4"
            items={[
              ['From', formatDateTime(island.startsAt, community.timeZone)],
              [island.endedAt ? 'Would have ended' : 'To', formatDateTime(island.endsAt, community.timeZone)],
              ...(island.endedAt ? [['Ended', formatDateTime(island.endedAt, community.timeZone)] as const] : []),
              ['Price cap', formatPrice(microOf(island.priceCap), community.currency)],
            ]}
          />
        </div>
        <Facts
          items={[
            ['Signed by', <Hash key="signer" value={island.signer} />],
            ['Declaration', <Hash key="declaration" value={island.declarationHash} />],
            ['Head of the queue', <Hash key="head" value={island.head} />],
            ['Chain', chainWords(island, community.timeZone)],
          ]}
        />
      </Card>
      <Tabs label="About the island" tabs={tabs} value={tab} onChange={setTab} />
    </>
  )
}

function chainWords(island: Island, timeZone: string): string {
  if (island.chainLostAt === null) return 'was there throughout'
  if (!isChainAway(island) && island.chainBackAt !== null) return `came back ${formatDateTime(island.chainBackAt, timeZone)}`
  return island.endedAt === null ? 'cannot be reached' : `out of reach since ${formatDateTime(island.chainLostAt, timeZone)}, when it ended still`
}

function Shares({ island, community }: { island: Island; community: Organization }) {
  const [page, setPage] = useState(1)
  const shares = useQuery(allocationsQuery(island.id, page))
  const names = useQuery(houseNamesQuery(community.id))
  if (shares.isPending) return <CardSkeleton lines={5} />
  if (shares.isError) return <ProblemNotice error={shares.error} onRetry={() => void shares.refetch()} />
  if (shares.data.total === 0) return <EmptyState title="Nothing was shared out">No interval of this island had been shared out for your houses.</EmptyState>
  return (
    <Card>
      <ul className="-my-2 divide-y divide-line/60">
        {shares.data.items.map((one) => (
          <li key={`${one.deliveryStart}-${one.houseId}`} className="py-3">
            <Line
              allocation={one}
              name={names.data?.get(one.houseId) ?? 'House'}
              extra={<span className="text-sm font-normal text-muted tabular-nums">{formatInterval(one.deliveryStart, community.deliveryMinutes ?? 15, community.timeZone)}</span>}
            />
          </li>
        ))}
      </ul>
      <Pagination page={page} limit={shares.data.limit} total={shares.data.total} onPage={setPage} />
    </Card>
  )
}
