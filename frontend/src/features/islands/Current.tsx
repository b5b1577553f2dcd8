// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Blocks, Unplug } from 'lucide-react'
import type { ReactNode } from 'react'
import { counted, energyParts, formatDateTime, formatInterval, formatPrice, microOf, whOf } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Badge, Button, ButtonLink, Card, EmptyState, ProblemNotice, Skeleton, Stat } from '@/shared/ui'
import { coveredPercent, latest, SOURCES, sumOf, type Allocation } from './island'
import { isChainAway, ShareBar, StateBadge, TimeBar } from './parts'
import { allocationsQuery, houseNamesQuery, type Island } from './queries'

/** The island that stands now: how long, what one may use, what waits for the chain. */
export function Current({ island, community, onEnd }: { island: Island; community: Organization; onEnd: (() => void) | undefined }) {
  return (
    <section aria-label="The island" className="space-y-4">
      <div className="relative overflow-hidden rounded-2xl border border-danger/50 bg-surface p-5 shadow-card sm:p-6">
        <span aria-hidden className="absolute -top-24 -right-12 size-72 rounded-full bg-danger/10 blur-3xl" />
        <div className="relative flex flex-wrap items-start justify-between gap-4">
          <div className="min-w-0 flex-1 basis-72">
            <StateBadge island={island} />
            <h2 className="mt-3 text-2xl font-bold tracking-tight break-words">{island.reason}</h2>
            <p className="mt-1 text-sm text-muted">
              {formatDateTime(island.startsAt, community.timeZone)} to {formatDateTime(island.endsAt, community.timeZone)}
            </p>
          </div>
          <div className="flex flex-wrap gap-2">
            <ButtonLink to="/islands/$islandId" params={{ islandId: island.id }} variant="secondary">Everything about it</ButtonLink>
            {onEnd && <Button variant="danger" onClick={onEnd}>End it now</Button>}
          </div>
        </div>
        <div className="relative mt-5"><TimeBar island={island} /></div>
        <div className="relative mt-5 grid grid-cols-2 gap-x-5 gap-y-4 border-t border-line pt-5 lg:grid-cols-4">
          <Stat label="Price cap" value={formatPrice(microOf(island.priceCap), community.currency).split(' ')[0]} unit={`${community.currency}/kWh`} />
          <Stat label="Matches in the queue" value={island.intents.toLocaleString('en')} note="logged on chain in this order" />
          <div className="col-span-2"><ChainState island={island} /></div>
        </div>
      </div>
      <Allocations island={island} community={community} />
    </section>
  )
}

function ChainState({ island }: { island: Island }) {
  const isAway = isChainAway(island)
  const Sign = isAway ? Unplug : Blocks
  return (
    <div className="flex items-start gap-3 rounded-xl border border-line bg-raised p-3 text-sm">
      <Sign className={`mt-0.5 size-5 shrink-0 ${isAway ? 'text-warning' : 'text-success'}`} aria-hidden />
      <p>
        <strong>{isAway ? 'The chain cannot be reached' : 'The chain can be reached'}</strong>
        <span className="block text-muted">
          {isAway && island.chainLostAt
            ? `Since ${formatDateTime(island.chainLostAt)}. Trading goes on; matches wait and are logged in their order when it returns.`
            : 'Matches are logged on chain as they are made.'}
        </span>
      </p>
    </div>
  )
}

/** What one's houses may use in the interval that was shared out last. */
function Allocations({ island, community }: { island: Island; community: Organization }) {
  const allocations = useQuery(allocationsQuery(island.id, 1, 100))
  const names = useQuery(houseNamesQuery(community.id))
  const now = latest(allocations.data?.items ?? [])
  const first = now[0]
  const title = first ? `Your share, ${formatInterval(first.deliveryStart, community.deliveryMinutes ?? 15, community.timeZone)}` : 'Your share'
  return (
    <Card title={title} description="Critical loads first; what is left is shared in equal amounts, never by who asks for more.">
      {allocations.isPending ? (
        <Skeleton className="h-24" />
      ) : allocations.isError ? (
        <ProblemNotice error={allocations.error} onRetry={() => void allocations.refetch()} />
      ) : now.length === 0 ? (
        <EmptyState title="Nothing was shared out yet">The first interval is shared out within a minute of the declaration. Houses without figures get their critical loads.</EmptyState>
      ) : (
        <>
          <Totals allocations={now} />
          <ul className="mt-5 divide-y divide-line/60">{now.map((one) => <li key={one.houseId} className="py-3"><Line allocation={one} name={names.data?.get(one.houseId) ?? 'House'} /></li>)}</ul>
        </>
      )}
    </Card>
  )
}

function Totals({ allocations }: { allocations: readonly Allocation[] }) {
  const sum = sumOf(allocations)
  const share = energyParts(sum.shareWh)
  const demand = energyParts(sum.demandWh)
  return (
    <div className="grid grid-cols-2 gap-5 sm:grid-cols-3">
      <Stat label="May be used" value={share.value} unit={share.unit} tone="primary" note={counted(allocations.length, 'house')} />
      <Stat label="Wanted" value={demand.value} unit={demand.unit} />
      <Stat label="Covered" value={coveredPercent(sum.shareWh, sum.demandWh)} unit="%" className="col-span-2 sm:col-span-1" />
    </div>
  )
}

export function Line({ allocation, name, extra }: { allocation: Allocation; name: string; extra?: ReactNode }) {
  const critical = whOf(allocation.criticalKwh)
  return (
    <div className="grid gap-x-6 gap-y-1.5 sm:grid-cols-[minmax(0,1fr)_14rem] sm:items-center">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2 font-medium">{name}{critical > 0n && <Badge tone="danger">critical loads</Badge>}{extra}</p>
        <p className="mt-0.5 text-xs text-muted">{allocation.why}</p>
        <p className="text-xs text-muted">Figures: {SOURCES[allocation.source] ?? allocation.source}</p>
      </div>
      <div>
        <p className="mb-1 text-sm tabular-nums"><strong>{allocation.shareKwh}</strong> of {allocation.demandKwh} kWh</p>
        <ShareBar shareWh={whOf(allocation.shareKwh)} demandWh={whOf(allocation.demandKwh)} />
      </div>
    </div>
  )
}
