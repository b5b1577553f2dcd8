// SPDX-License-Identifier: Apache-2.0
/** Who avoided the most emissions: public, live, by period and community. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Trophy } from 'lucide-react'
import { useLive } from '@/shared/live'
import { useMembership, useSession } from '@/shared/session'
import { Card, EmptyState, PageHeader, Pagination, ProblemNotice, Select, Skeleton } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { concerns, PERIOD_NAMES, PERIODS, type BoardKey } from '../board'
import { BoardTable } from '../BoardTable'
import { MyPlace } from '../MyPlace'
import { Podium } from '../Podium'
import { boardKey, boardQuery, communitiesQuery, PLACES_ON_A_PAGE } from '../queries'

const route = getRouteApi('/leaderboard')
const PERIOD_OPTIONS = PERIODS.map((value) => ({ value, label: PERIOD_NAMES[value] }))

export function LeaderboardPage() {
  const { period = 'all', community = 0, page = 1 } = route.useSearch()
  const board: BoardKey = { period, community }
  const { user } = useSession()
  const client = useQueryClient()
  const reload = () => void client.invalidateQueries({ queryKey: boardKey(board) })
  useLive(['leaderboard'], (event) => concerns(event.data, board) && reload(), { onResync: reload })
  const places = useQuery(boardQuery(board, page, user?.id ?? null))
  const navigate = route.useNavigate()
  const show = (next: { period?: BoardKey['period']; community?: number; page?: number }) =>
    void navigate({ search: { period, ...(community > 0 ? { community } : {}), ...next }, replace: true })

  return (
    <>
      <PageHeader
        title="Carbon leaderboard"
        description="Avoided-emission estimates of the solar power that neighbours bought from each other: earned less taken back. Gifts do not count."
      />
      <div className="mb-5 flex flex-wrap items-center gap-3">
        <Segmented label="Period of delivery" options={PERIOD_OPTIONS} value={period} onChange={(value) => show({ period: value })} />
        <CommunityFilter value={community} onChange={(value) => show({ community: value || undefined })} />
      </div>
      {user && <MyPlace board={board} user={user} />}
      {places.isPending ? (
        <BoardSkeleton />
      ) : places.isError ? (
        <ProblemNotice error={places.error} onRetry={() => void places.refetch()} />
      ) : places.data.total === 0 ? (
        <EmptyState icon={Trophy} title={`Nobody is ranked ${period === 'all' ? 'yet' : PERIOD_NAMES[period].toLowerCase()}`}>
          A place is earned by buying a neighbour’s solar power; the period is that of the delivery, in the community’s own calendar.
        </EmptyState>
      ) : (
        <>
          {page === 1 && <Podium places={places.data.items.slice(0, 3)} />}
          <Card bodyClassName="pt-1 sm:pt-2">
            <BoardTable key={`${period}/${community}`} places={places.data.items} page={page} />
            <Pagination page={page} limit={PLACES_ON_A_PAGE} total={places.data.total} onPage={(next) => show({ page: next })} />
          </Card>
          <p className="mt-4 text-xs text-muted">
            Names are the people’s own choice; who did not choose one stands under an alias that tells nothing. Choose yours in{' '}
            <Link to="/account" className="text-link underline underline-offset-2">your account</Link>. Estimates are metered energy times the
            published factor named on each trade.
          </p>
        </>
      )}
    </>
  )
}

/** Communities by number and region; those that one belongs to by name. */
function CommunityFilter({ value, onChange }: { value: number; onChange: (community: number) => void }) {
  const communities = useQuery(communitiesQuery)
  const names = new Map(useMembership().all.map(({ organization }) => [organization.communityNumber, organization.name]))
  const known = communities.data ?? []
  return (
    <Select aria-label="Community" className="w-auto max-w-full" value={value} onChange={(event) => onChange(Number(event.target.value))}>
      <option value={0}>All communities</option>
      {value > 0 && !known.some((one) => one.community === value) && <option value={value}>Community {value}</option>}
      {known.map(({ community, region }) => (
        <option key={community} value={community}>
          {names.get(community) ?? `Community ${community}`} · {region}
        </option>
      ))}
    </Select>
  )
}

function BoardSkeleton() {
  return (
    <div role="status" aria-label="Loading the board" className="rounded-2xl border border-line bg-surface p-5">
      {Array.from({ length: 8 }, (_, place) => <Skeleton key={place} className="my-4 h-7" />)}
    </div>
  )
}
