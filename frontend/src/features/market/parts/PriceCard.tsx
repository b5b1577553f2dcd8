// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { ChartLine } from 'lucide-react'
import { useState } from 'react'
import { formatDate, formatDateTime, formatPrice, formatTime, microOf } from '@/shared/format'
import { Card, Chart, EmptyState, ProblemNotice, Skeleton } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { pricesQuery, type PriceSpan } from '../queries'
import type { Community } from '../useCommunity'

const SPANS = [
  { value: 'day', label: 'Day' },
  { value: 'week', label: 'Week' },
  { value: 'month', label: 'Month' },
] as const

/** What was paid, by time of delivery: the average of each interval, hour or day with its lowest and highest price. */
export function PriceCard({ community }: { community: Community }) {
  const [span, setSpan] = useState<PriceSpan>('day')
  const prices = useQuery(pricesQuery(community.number, span))
  return (
    <Card
      title="Prices"
      description="By time of delivery; the band spans the lowest and highest deal"
      actions={<Segmented label="Span of time" options={SPANS} value={span} onChange={setSpan} />}
    >
      {prices.isPending ? (
        <Skeleton className="h-60 w-full" />
      ) : prices.isError ? (
        <ProblemNotice error={prices.error} onRetry={() => void prices.refetch()} />
      ) : prices.data.length === 0 ? (
        <EmptyState icon={ChartLine} title="Nothing was traded in this time">
          The first match or filled offer begins the chart.
        </EmptyState>
      ) : (
        <PriceChart prices={prices.data} span={span} currency={community.currency} />
      )}
    </Card>
  )
}

type Prices = readonly { start: string; averagePerKwh: string; lowPerKwh: string; highPerKwh: string; energyKwh: string }[]

function PriceChart({ prices, span, currency }: { prices: Prices; span: PriceSpan; currency: string }) {
  const amounts = (pick: (one: Prices[number]) => string) => prices.map((one) => Number(microOf(pick(one))) / 1e6)
  const time = (seconds: number) => (span === 'month' ? formatDate(seconds * 1000) : span === 'week' ? formatDateTime(seconds * 1000) : formatTime(seconds * 1000))
  const last = prices.at(-1)
  return (
    <Chart
      x={prices.map(({ start }) => Date.parse(start) / 1000)}
      series={[
        { label: `Average, ${currency}/kWh`, color: 'primary', values: amounts((one) => one.averagePerKwh) },
        { label: 'Highest', color: 'violet', dashed: true, values: amounts((one) => one.highPerKwh) },
        { label: 'Lowest', color: 'violet', dashed: true, values: amounts((one) => one.lowPerKwh) },
      ]}
      bands={[{ upper: 1, lower: 2, color: 'violet' }]}
      formatX={time}
      formatY={(price) => price.toFixed(3)}
      summary={`Average prices of ${prices.length} times of delivery${last ? `, the last one ${formatPrice(microOf(last.averagePerKwh), currency)}` : ''}.`}
    />
  )
}
