// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Building2, Zap } from 'lucide-react'
import type { ReactNode } from 'react'
import { carbonWalletQuery } from '@/shared/carbon'
import { useNow } from '@/shared/clock'
import { carbonParts, energyParts, formatCarbon, formatDate, formatInterval, gramsOf, groupedText } from '@/shared/format'
import { useLive } from '@/shared/live'
import { useCommunity, useUser, type Community } from '@/shared/session'
import { ButtonLink, Card, CardSkeleton, EmptyState, PageHeader, PageSkeleton, ProblemNotice, Stat } from '@/shared/ui'
import { surplusWh, type Day } from '../logic/today'
import { AlertsCard } from '../parts/AlertsCard'
import { OrdersCard } from '../parts/OrdersCard'
import { OutlookCard } from '../parts/OutlookCard'
import { TodayCard } from '../parts/TodayCard'
import { housesQuery, lastPriceQuery, todayQuery } from '../queries'

export function DashboardPage() {
  const { community, isPending, error } = useCommunity()
  const user = useUser()
  const now = useNow(60_000)
  if (isPending) return <PageSkeleton />
  if (error) return <ProblemNotice error={error} />
  return (
    <>
      <PageHeader
        title={`Hello, ${user.name}`}
        description={community ? `${community.name} · ${formatDate(now, community.timeZone)}` : 'Your day: production, consumption, prices, carbon.'}
        actions={
          community && (
            <ButtonLink to="/market">
              <Zap aria-hidden /> Trade
            </ButtonLink>
          )
        }
      />
      {community === null ? (
        <EmptyState icon={Building2} title="You belong to no community yet" action={<ButtonLink to="/account" variant="secondary">To your account</ButtonLink>}>
          Ask the operator of your community for an invitation; it appears under Account. Your day is shown here once you have accepted it.
        </EmptyState>
      ) : (
        <Overview community={community} />
      )}
    </>
  )
}

function Overview({ community }: { community: Community }) {
  useDashboardLive(community.number)
  const user = useUser()
  const houses = useQuery(housesQuery(user.id))
  const ids = houses.data?.map(({ id }) => id) ?? []
  const today = useQuery({ ...todayQuery(ids, community.timeZone), enabled: houses.isSuccess })
  const failed = houses.error ?? today.error
  return (
    <div className="space-y-4">
      <Figures day={today.data ?? null} community={community} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <div className="space-y-4">
          {failed ? (
            <ProblemNotice error={failed} onRetry={() => void (houses.isError ? houses.refetch() : today.refetch())} />
          ) : today.data ? (
            <TodayCard day={today.data} houses={ids.length} />
          ) : (
            <CardSkeleton lines={8} />
          )}
          <OrdersCard />
        </div>
        <div className="space-y-4">
          <OutlookCard community={community} />
          <AlertsCard />
        </div>
      </div>
    </div>
  )
}

/** The figures of the day in one row: energy, price, carbon. */
function Figures({ day, community }: { day: Day | null; community: Community }) {
  const user = useUser()
  const price = useQuery(lastPriceQuery(community.number))
  const carbon = useQuery(carbonWalletQuery(user.id))
  const surplus = day && surplusWh(day)
  const avoided = carbon.data ? gramsOf(carbon.data.availableKg) + gramsOf(carbon.data.pendingKg) : null
  const pending = carbon.data ? gramsOf(carbon.data.pendingKg) : 0n
  return (
    <Card bodyClassName="grid grid-cols-2 gap-x-4 gap-y-6 sm:grid-cols-3 xl:grid-cols-5">
      <EnergyStat label="Produced today" wh={day?.producedWh ?? null} tone="sell" />
      <EnergyStat label="Used today" wh={day?.consumedWh ?? null} tone="buy" />
      <EnergyStat
        label={surplus !== null && surplus < 0n ? 'Short today' : 'Surplus today'}
        wh={surplus !== null && surplus < 0n ? -surplus : surplus}
        tone="primary"
        note={day === null ? undefined : flows(day)}
      />
      <Stat
        label="Last price"
        value={price.data ? groupedText(price.data.priceMicro, 6, 4) : '–'}
        unit={price.data ? `${community.currency}/kWh` : undefined}
        note={price.data ? `Average of delivery ${formatInterval(price.data.start, community.minutes, community.timeZone)}` : price.isPending ? undefined : 'No deal in the last day'}
      />
      <Stat
        label="CO₂e avoided, estimate"
        tone="carbon"
        value={avoided === null ? '–' : carbonParts(avoided).value}
        unit={avoided === null ? undefined : carbonParts(avoided).unit}
        note={pending > 0n ? `${formatCarbon(pending)} pending delivery` : undefined}
      />
    </Card>
  )
}

function flows({ exportedWh, importedWh }: Day): string | undefined {
  const parts = [
    exportedWh === null ? null : `${text(exportedWh)} to the grid`,
    importedWh === null ? null : `${text(importedWh)} from it`,
  ].filter((part) => part !== null)
  return parts.length === 0 ? undefined : parts.join(' · ')
}

const text = (wh: bigint) => `${energyParts(wh).value} ${energyParts(wh).unit}`

function EnergyStat({ label, wh, tone, note }: { label: string; wh: bigint | null; tone: 'sell' | 'buy' | 'primary'; note?: ReactNode }) {
  if (wh === null) return <Stat label={label} value="–" note="No readings yet" />
  const { value, unit } = energyParts(wh)
  return <Stat label={label} value={value} unit={unit} tone={tone} note={note} />
}

/** Keep the dashboard current: trades move carbon and prices, orders and alerts their lists. */
function useDashboardLive(community: number): void {
  const client = useQueryClient()
  const reload = (...keys: string[][]) => {
    for (const queryKey of keys) void client.invalidateQueries({ queryKey })
  }
  useLive(['prices', 'orders', 'trades', 'alerts'], ({ topic, data }) => {
    if (topic === 'alerts') reload(['dashboard', 'alerts'])
    else if (topic === 'orders') reload(['dashboard', 'orders'])
    else if (topic === 'trades') reload(['carbon', 'wallet'])
    else if (data['community'] === community) reload(['dashboard', 'price'])
  })
}
