// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Trophy } from 'lucide-react'
import { formatCarbon, gramsOf } from '@/shared/format'
import { Card, EmptyState, ProblemNotice, Skeleton } from '@/shared/ui'
import { firstPlacesQuery } from './queries'

/** The first five of all time. */
export function FirstPlaces() {
  const places = useQuery(firstPlacesQuery)
  const best = Number(places.data?.items[0]?.carbonKg ?? 0)
  return (
    <Card
      title="Carbon leaderboard"
      description="Avoided-emission estimate of what each bought, all time."
      actions={<Link to="/leaderboard" className="inline-flex min-h-9 items-center text-sm font-medium text-link underline decoration-link/40 underline-offset-4 hover:decoration-link">Whole board</Link>}
      className="h-full"
    >
      {places.isPending ? (
        <div role="status" aria-label="Loading places" className="space-y-4">
          {Array.from({ length: 5 }, (_, place) => <Skeleton key={place} className="h-9" />)}
        </div>
      ) : places.isError ? (
        <ProblemNotice error={places.error} onRetry={() => void places.refetch()} />
      ) : places.data.items.length === 0 ? (
        <EmptyState icon={Trophy} title="Nobody is ranked yet">Whoever buys a neighbour’s solar power takes the first place.</EmptyState>
      ) : (
        <ol className="space-y-3">
          {places.data.items.map((place) => (
            <li key={place.rank} className="grid grid-cols-[2rem_minmax(0,1fr)_auto] items-center gap-3">
              <span className={`grid size-8 place-items-center rounded-lg text-sm font-bold tabular-nums ${place.rank === 1 ? 'bg-primary text-on-primary' : 'bg-raised text-muted'}`}>{place.rank}</span>
              <span className="min-w-0">
                {place.userId ? (
                  <Link to="/leaderboard/$userId" params={{ userId: place.userId }} className="block truncate text-sm font-medium text-link hover:underline">{place.name}</Link>
                ) : (
                  <span className="block truncate text-sm font-medium">{place.name}</span>
                )}
                <span aria-hidden className="mt-1.5 block h-1.5 overflow-hidden rounded-full bg-raised">
                  <span className="block h-full rounded-full bg-carbon" style={{ width: `${best > 0 ? Math.max(2, (Number(place.carbonKg) / best) * 100) : 0}%` }} />
                </span>
              </span>
              <span className="text-sm font-semibold text-carbon tabular-nums">{formatCarbon(gramsOf(place.carbonKg))}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  )
}
