// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Building2 } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { scaledText } from '@/shared/format'
import { whenIdle } from '@/shared/idle'
import { CardSkeleton, EmptyState, PageHeader, PageSkeleton, ProblemNotice } from '@/shared/ui'
import { isoOf, useMarketLive } from '../live'
import type { OrderForm } from '../logic/validation'
import { BookCard } from '../parts/BookCard'
import { CarbonMark } from '../parts/CarbonMark'
import { DealsCard } from '../parts/DealsCard'
import { IntervalPicker } from '../parts/IntervalPicker'
import { PriceCard } from '../parts/PriceCard'
import { intervalsQuery, type Interval } from '../queries'
import { useCommunity, type Community } from '@/shared/session'

const Desk = lazy(() => whenIdle(2_000).then(() => import('./Desk'))) // book and prices are drawn before wallets load
const EMPTY: OrderForm = { isBid: true, venue: 'book', kind: 'limit', energy: '', minFill: '', price: '', taker: '' }

export function MarketPage() {
  const { community, isPending, error } = useCommunity()
  if (isPending) return <PageSkeleton />
  if (error) return <ProblemNotice error={error} />
  if (community === null) {
    return (
      <>
        <PageHeader title="Market" description="Offers and bids for each delivery interval." />
        <EmptyState icon={Building2} title="You belong to no community yet">
          Ask the operator of your community for an invitation; it appears under Account. The market opens once you have accepted it.
        </EmptyState>
      </>
    )
  }
  return <Market community={community} />
}

function Market({ community }: { community: Community }) {
  useMarketLive(community.number)
  const intervals = useQuery(intervalsQuery(community.number, community.minutes))
  return (
    <>
      <PageHeader title="Market" description={`${community.name} · deliveries of ${community.minutes} minutes · prices in ${community.currency} per kWh`} actions={<CarbonMark />} />
      {intervals.isPending ? (
        <PageSkeleton />
      ) : intervals.isError ? (
        <ProblemNotice error={intervals.error} onRetry={() => void intervals.refetch()} />
      ) : (
        <Floor community={community} intervals={intervals.data} />
      )}
    </>
  )
}

/** The trading floor: one interval chosen, its book, the form, and what happens around it. */
function Floor({ community, intervals }: { community: Community; intervals: readonly Interval[] }) {
  const { interval: wanted } = getRouteApi('/market').useSearch()
  const navigate = getRouteApi('/market').useNavigate()
  const [form, setForm] = useState(EMPTY)
  const chosen = intervals.find(({ start }) => isoOf(start) === wanted) ?? intervals.find(({ state }) => state === 'open') ?? intervals[0]
  const change = (changes: Partial<OrderForm>) => setForm((before) => ({ ...before, ...changes }))
  if (chosen === undefined) return <EmptyState icon={Building2} title="This community has no delivery intervals" />
  const start = isoOf(chosen.start)
  const pick = (side: 'offer' | 'bid', priceMicro: bigint) => change({ isBid: side === 'offer', venue: 'book', price: scaledText(priceMicro, 6) })
  return (
    <div className="space-y-4">
      <IntervalPicker
        intervals={intervals}
        minutes={community.minutes}
        value={start}
        onChange={(interval) => void navigate({ search: { interval }, replace: true, resetScroll: false })}
      />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem] xl:grid-cols-[minmax(0,1fr)_24rem]">
        <BookCard community={community} interval={start} onPick={pick} />
        <div className="lg:sticky lg:top-20 lg:col-start-2 lg:row-span-2 lg:row-start-1">
          <Suspense fallback={<CardSkeleton lines={9} />}>
            <Desk part="ticket" community={community} interval={chosen} form={form} change={change} />
          </Suspense>
        </div>
        <PriceCard community={community} />
      </div>
      <Suspense fallback={<CardSkeleton lines={4} />}>
        <Desk part="lists" community={community} interval={chosen} form={form} change={change} />
      </Suspense>
      <DealsCard community={community} />
    </div>
  )
}
