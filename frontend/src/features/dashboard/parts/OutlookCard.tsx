// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowDownToLine, ArrowUpFromLine } from 'lucide-react'
import type { ReactNode } from 'react'
import { outlookQuery, priceForecastQuery, Unforeseen, type GoodTime, type PriceForecast } from '@/shared/forecast'
import { formatEnergy, formatInterval, formatPrice, formatTime, groupedText } from '@/shared/format'
import { Badge, Card, Chart, Skeleton, type Tone } from '@/shared/ui'
import type { Community } from '@/shared/session'

const SURE: Readonly<Record<'high' | 'medium' | 'low', Tone>> = { high: 'success', medium: 'info', low: 'warning' }

/** The next day's likely prices with their interval, and the best hours to buy and to sell. */
export function OutlookCard({ community }: { community: Community }) {
  const prices = useQuery(priceForecastQuery(community.id))
  const outlook = useQuery(outlookQuery(community.id))
  const stale = prices.data?.age.stale ? prices.data.age : null
  return (
    <Card
      title="Next 24 hours"
      description={prices.data ? `Likely price and its ${prices.data.level} % interval` : 'Likely prices and the best hours'}
      actions={
        <>
          {stale && <Badge tone="warning">{Math.round(stale.seconds / 60)} min old</Badge>}
          {outlook.data && <Badge tone={SURE[outlook.data.confidence]}>{outlook.data.confidence} confidence</Badge>}
        </>
      }
    >
      {prices.isPending ? (
        <Skeleton className="h-60 w-full" />
      ) : prices.isError ? (
        <Unforeseen error={prices.error} onRetry={() => void prices.refetch()} />
      ) : (
        <Curve forecast={prices.data} currency={community.currency} />
      )}
      {outlook.data && (
        <div className="mt-4 space-y-3">
          <div className="grid gap-3 sm:grid-cols-2">
            <GoodTimes title="Best to buy" icon={<ArrowDownToLine className="size-4 text-buy" aria-hidden />} times={outlook.data.bestToBuy} community={community} />
            <GoodTimes title="Best to sell" icon={<ArrowUpFromLine className="size-4 text-sell" aria-hidden />} times={outlook.data.bestToSell} community={community} />
          </div>
          <p className="text-xs text-muted">
            {surplusText(outlook.data.surplusKwh)} Forecasts are estimates, not promises.
          </p>
        </div>
      )}
    </Card>
  )
}

function surplusText(surplusKwh: number): string {
  const energy = formatEnergy(BigInt(Math.round(Math.abs(surplusKwh) * 1000)))
  return surplusKwh < 0 ? `The community is expected to need ${energy} more than it makes.` : `The community is expected to have ${energy} to spare.`
}

function Curve({ forecast, currency }: { forecast: PriceForecast; currency: string }) {
  const steps = forecast.steps.filter(({ priceMicro }) => priceMicro !== null)
  const drawn = (pick: (step: (typeof steps)[number]) => bigint | null) => steps.map((step) => {
    const micro = pick(step)
    return micro === null ? null : Number(micro) / 1e6
  })
  const [first] = steps
  return (
    <Chart
      height={220}
      x={steps.map(({ start }) => start.getTime() / 1000)}
      series={[
        { label: `Likely, ${currency}/kWh`, color: 'primary', values: drawn(({ priceMicro }) => priceMicro) },
        { label: 'Up to', color: 'info', dashed: true, values: drawn(({ highMicro }) => highMicro) },
        { label: 'From', color: 'info', dashed: true, values: drawn(({ lowMicro }) => lowMicro) },
      ]}
      bands={[{ upper: 1, lower: 2, color: 'info' }]}
      formatX={(seconds) => formatTime(seconds * 1000)}
      formatY={(price) => price.toFixed(3)}
      summary={first?.priceMicro == null ? 'No trade is expected.' : `Likely prices of the next day, beginning with ${formatPrice(first.priceMicro, currency)}.`}
    />
  )
}

function GoodTimes({ title, icon, times, community }: { title: string; icon: ReactNode; times: readonly GoodTime[]; community: Community }) {
  return (
    <div className="rounded-xl border border-line bg-raised p-3">
      <h3 className="flex items-center gap-2 text-sm font-medium">
        {icon}
        {title}
      </h3>
      {times.length === 0 && <p className="mt-2 text-sm text-muted">No trade is expected.</p>}
      <ul className="mt-2 space-y-1">
        {times.map(({ start, priceMicro }) => (
          <li key={start.toISOString()}>
            <Link to="/market" search={{ interval: start.toISOString() }} className="flex min-h-8 items-center justify-between gap-3 rounded text-sm tabular-nums hover:bg-hover">
              <span>{formatInterval(start, community.minutes)}</span>
              <span className="text-muted">{groupedText(priceMicro, 6, 4)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </div>
  )
}
