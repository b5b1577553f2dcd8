// SPDX-License-Identifier: Apache-2.0
/** Disaster mode: the island that stands, or calm; critical loads and storages; islands of the past. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ShieldCheck, Siren, Users } from 'lucide-react'
import { useState } from 'react'
import { counted, formatDateTime } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { useMembership, type Organization } from '@/shared/session'
import { Button, ButtonLink, Card, CardSkeleton, EmptyState, PageHeader, PageSkeleton, Pagination, ProblemNotice } from '@/shared/ui'
import { Current } from '../Current'
import { DeclareDialog, EndDialog } from '../dialogs-lazy'
import { Equipment } from '../Equipment'
import { TIERS } from '../island'
import { StateBadge } from '../parts'
import { ISLANDS_KEY, islandsQuery, type Island } from '../queries'

export function IslandsPage() {
  const { organization, role, isSuperAdmin, isPending } = useMembership()
  if (isPending) return <PageSkeleton />
  if (organization?.kind !== 'community') {
    return (
      <>
        <PageHeader title="Disaster mode" />
        <EmptyState icon={Users} title="You belong to no community yet" action={<ButtonLink to="/account">To your account</ButtonLink>}>Islands are for communities: the homes of one place share what they have.</EmptyState>
      </>
    )
  }
  return <Islands community={organization} isOperator={isSuperAdmin || role === 'operator'} />
}

function Islands({ community, isOperator }: { community: Organization; isOperator: boolean }) {
  const [page, setPage] = useState(1)
  const [isDeclaring, setDeclaring] = useState(false)
  const [ending, setEnding] = useState<Island | null>(null) // kept here: the island leaves the page when it has ended
  const newest = useQuery(islandsQuery(community.id))
  const islands = useQuery(islandsQuery(community.id, page))
  useLiveInvalidation(['alerts'], ISLANDS_KEY)
  const current = newest.data?.items.find((one) => one.state !== 'over')
  const canDeclare = isOperator && newest.isSuccess && current === undefined && community.communityNumber !== null
  return (
    <>
      <PageHeader
        title="Disaster mode"
        description="When the grid is away, the community shares its own sun and batteries: critical loads first, the rest in equal parts."
        actions={canDeclare && <Button variant="danger" onClick={() => setDeclaring(true)}><Siren aria-hidden /> Declare an island</Button>}
      />
      <div className="space-y-4">
        {newest.isPending ? (
          <CardSkeleton lines={4} />
        ) : newest.isError ? (
          <ProblemNotice error={newest.error} onRetry={() => void newest.refetch()} />
        ) : current ? (
          <Current island={current} community={community} onEnd={isOperator ? () => setEnding(current) : undefined} />
        ) : (
          <Calm />
        )}
        <Equipment community={community} isOperator={isOperator} />
        {islands.isSuccess && islands.data.total > 0 && <Past islands={islands.data} onPage={setPage} timeZone={community.timeZone} />}
      </div>
      {ending && <EndDialog island={ending} onClose={() => setEnding(null)} />}
      {isDeclaring && <DeclareDialog community={community} onClose={() => setDeclaring(false)} />}
    </>
  )
}

function Calm() {
  return (
    <section className="grid gap-5 rounded-2xl border border-line bg-surface p-5 shadow-card sm:p-6 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
      <div>
        <span className="grid size-12 place-items-center rounded-2xl bg-success/10 text-success"><ShieldCheck className="size-6" aria-hidden /></span>
        <h2 className="mt-4 text-xl font-semibold">No island: the market is as always</h2>
        <p className="mt-1.5 text-sm text-muted">
          An operator of the community declares one by signature, for at most 72 hours. Every member sees it at once, on every page.
        </p>
      </div>
      <ol className="space-y-2.5" aria-label="Who is served first">
        {Object.entries(TIERS).map(([tier, { name, meaning }]) => (
          <li key={tier} className="flex items-center gap-3 rounded-xl border border-line bg-raised px-4 py-2.5">
            <span className="grid size-7 shrink-0 place-items-center rounded-lg bg-danger/10 text-sm font-bold text-danger tabular-nums">{tier}</span>
            <span className="min-w-0 text-sm"><strong className="font-medium">{name}</strong> <span className="text-muted">{meaning}</span></span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Past({ islands, onPage, timeZone }: { islands: { items: Island[]; page: number; limit: number; total: number }; onPage: (page: number) => void; timeZone: string }) {
  return (
    <Card title="Islands" description="The newest first; each has its report.">
      <ul className="-my-1 divide-y divide-line/60">
        {islands.items.map((island) => (
          <li key={island.id}>
            <Link to="/islands/$islandId" params={{ islandId: island.id }} className="-mx-2 flex flex-wrap items-center gap-x-4 gap-y-1 rounded-lg px-2 py-3 hover:bg-hover">
              <StateBadge island={island} />
              <span className="min-w-0 flex-1 basis-48 truncate font-medium">{island.reason}</span>
              <span className="text-sm text-muted tabular-nums">{formatDateTime(island.startsAt, timeZone)} · {counted(island.intents, 'match', 'matches')}</span>
            </Link>
          </li>
        ))}
      </ul>
      <Pagination page={islands.page} limit={islands.limit} total={islands.total} onPage={onPage} />
    </Card>
  )
}
