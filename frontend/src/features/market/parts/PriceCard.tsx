// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { ChartLine } from 'lucide-react'
import { useState } from 'react'
import { priceForecastQuery } from '@/shared/forecast'
import { formatDate, formatDateTime, formatPrice, formatTime, microOf } from '@/shared/format'
import { explain } from '@/shared/problems'
import { Badge, Card, Chart, EmptyState, ProblemNotice, Skeleton } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { priceColumns, type PriceColumns } from '../logic/prices'
import { pricesQuery, type PriceSpan } from '../queries'
import type { Community } from '@/shared/session'

const SPANS = [
  { value: 'day', label: 'Day' },
  { value: 'week', label: 'Week' },
  { value: 'month', label: 'Month' },
] as const

/** What was paid, by time of delivery, and for the next day what is likely to be paid, with its interval. */
export function PriceCard({ community }: { community: Community }) {
  const [span, setSpan] = useState<PriceSpan>('day')
  const prices = useQuery(pricesQuery(community.number, span))
  const forecast = useQuery({ ...priceForecastQuery(community.id), enabled: span === 'day' })
  const steps = span === 'day' ? (forecast.data?.steps ?? []) : []
  return (
    <Card
      title="Prices"
      description="By time of delivery: average of the deals, lowest to highest as a band"
      actions={<Segmented label="Span of time" options={SPANS} value={span} onChange={setSpan} />}
    >
      {prices.isPending ? (
        <Skeleton className="h-60 w-full" />
      ) : prices.isError ? (
        <ProblemNotice error={prices.error} onRetry={() => void prices.refetch()} />
      ) : prices.data.length === 0 && steps.length === 0 ? (
        <EmptyState icon={ChartLine} title="Nothing was traded in this time">
          The first match or filled offer begins the chart.
        </EmptyState>
      ) : (
        <PriceChart columns={priceColumns(prices.data, steps)} span={span} currency={community.currency} />
      )}
      {span === 'day' && (
        <div className="mt-3 flex min-h-6 flex-wrap items-center gap-2 text-xs text-muted">
          {forecast.isError && <span>No forecast: {explain(forecast.error).title}.</span>}
          {forecast.data && <span>Forecast: likely price and its {forecast.data.level} % interval.</span>}
          {forecast.data?.age.stale && <Badge tone="warning">forecast {Math.round(forecast.data.age.seconds / 60)} min old</Badge>}
        </div>
      )}
    </Card>
  )
}

function PriceChart({ columns, span, currency }: { columns: PriceColumns; span: PriceSpan; currency: string }) {
  const time = (seconds: number) => (span === 'month' ? formatDate(seconds * 1000) : span === 'week' ? formatDateTime(seconds * 1000) : formatTime(seconds * 1000))
  const { last, next } = columns
  const said = [
    last === null ? 'No deals yet.' : `Last average price ${formatPrice(microOf(last), currency)}.`,
    next === null ? '' : `Next forecast price ${formatPrice(next, currency)}.`,
  ]
  const isForeseen = next !== null
  return (
    <Chart
      x={columns.starts}
      series={[
        { label: 'Average', color: 'primary', values: columns.average },
        { label: 'Highest', color: 'violet', dashed: true, values: columns.high },
        { label: 'Lowest', color: 'violet', dashed: true, values: columns.low },
        ...(isForeseen
          ? ([
              { label: 'Forecast', color: 'info', values: columns.likely },
              { label: 'up to', color: 'info', dashed: true, values: columns.likelyHigh },
              { label: 'from', color: 'info', dashed: true, values: columns.likelyLow },
            ] as const)
          : []),
      ]}
      bands={[{ upper: 1, lower: 2, color: 'violet' }, ...(isForeseen ? [{ upper: 4, lower: 5, color: 'info' }] : [])]}
      formatX={time}
      formatY={(price) => price.toFixed(3)}
      summary={said.join(' ')}
    />
  )
}
