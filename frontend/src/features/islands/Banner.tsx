// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Siren } from 'lucide-react'
import { formatDateTime } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { useMembership } from '@/shared/session'
import { useIslandState } from './parts'
import { ISLANDS_KEY, islandsQuery, type Island } from './queries'

/** A band above every page while the community is an island, or will be one soon. Only where somebody is signed in. */
export function IslandBanner() {
  const { organization } = useMembership()
  const isCommunity = organization?.kind === 'community'
  const islands = useQuery({ ...islandsQuery(organization?.id ?? ''), enabled: isCommunity, staleTime: 60_000 })
  useLiveInvalidation(['alerts'], ISLANDS_KEY)
  const current = islands.data?.items.find((one) => one.state !== 'over')
  return isCommunity && current ? <Band island={current} /> : null
}

function Band({ island }: { island: Island }) {
  const { state } = useIslandState(island)
  if (state === 'over') return null
  return (
    <Link to="/islands" data-print="hide" className="mb-5 flex flex-wrap items-center gap-x-3 gap-y-1 rounded-xl border border-danger/50 bg-danger/10 px-4 py-2.5 text-sm hover:bg-danger/15">
      <Siren className="size-5 shrink-0 text-danger" aria-hidden />
      <strong className="text-danger">{state === 'in_force' ? 'Your community is an island' : `An island begins ${formatDateTime(island.startsAt)}`}</strong>
      <span className="min-w-0 truncate">{island.reason}</span>
      <span className="ml-auto text-muted">until {formatDateTime(island.endsAt)}</span>
    </Link>
  )
}
