// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { ChartNoAxesColumn, ChevronLeft, ChevronRight } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { energyParts, formatDate, formatEnergy, formatTime } from '@/shared/format'
import { useNow } from '@/shared/clock'
import { Button, Card, Chart, cn, EmptyState, ProblemNotice, Skeleton, Stat, type Series } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { Quality } from './Quality'
import { readingsQuery, type House, type Shown } from './queries'
import { columnsOf, firstDay, QUANTITIES, RESOLUTIONS, shift, totals, type Bucket, type Quantity, type Resolution, type Span } from './series'
import { addDays, dayOf } from './zone'

const LOOKS: Record<Quantity, { label: string; color: string; tone?: 'sell' | 'buy' | 'primary'; dot: string }> = {
  production: { label: 'Production', color: 'sell', tone: 'sell', dot: 'bg-sell' },
  consumption: { label: 'Consumption', color: 'buy', tone: 'buy', dot: 'bg-buy' },
  export: { label: 'Export', color: 'primary', tone: 'primary', dot: 'bg-primary' },
  import: { label: 'Import', color: 'violet', dot: 'bg-violet' },
}
const SPANS: { value: Span; label: string }[] = [
  { value: 'day', label: 'Day' }, { value: 'week', label: 'Week' }, { value: 'month', label: 'Month' }, { value: 'year', label: 'Year' },
]
const WORDS: Record<Resolution, string> = { '15m': '15 min', '30m': '30 min', '1h': 'Hours', '1d': 'Days' }

/** Production, consumption, export and import over a day, week, month or year of the community's calendar. */
export function ReadingsCard({ house, timeZone }: { house: House; timeZone: string }) {
  const today = dayOf(useNow(60_000), timeZone)
  const [shown, setShown] = useState<Shown>({ span: 'day', day: today, resolution: house.readingMinutes > 15 ? '1h' : '15m' })
  const readings = useQuery(readingsQuery(house.id, shown, timeZone))
  const show = (span: Span, day: string) => setShown({ span, day: day > today ? today : day, resolution: RESOLUTIONS[span].find((one) => one === shown.resolution) ?? RESOLUTIONS[span][0] ?? '1d' })
  const resolutions = RESOLUTIONS[shown.span].filter((one) => one === '1h' || one === '1d' || Number.parseInt(one, 10) >= house.readingMinutes)
  return (
    <Card
      title="Readings"
      description={`Days as in ${timeZone.replaceAll('_', ' ')}`}
      actions={
        <>
          {resolutions.length > 1 && (
            <Segmented label="Resolution" options={resolutions.map((value) => ({ value, label: WORDS[value] }))} value={shown.resolution} onChange={(resolution) => setShown({ ...shown, resolution })} />
          )}
          <Segmented label="Span" options={SPANS} value={shown.span} onChange={(span) => show(span, shown.day)} />
        </>
      }
    >
      <div className="mb-5 flex items-center justify-between gap-2">
        <Button variant="ghost" size="icon" aria-label={`Previous ${shown.span}`} onClick={() => show(shown.span, shift(shown.span, shown.day, -1))}><ChevronLeft aria-hidden /></Button>
        <p aria-live="polite" className="text-center text-sm font-medium tabular-nums">{titleOf(shown)}</p>
        <Button variant="ghost" size="icon" aria-label={`Next ${shown.span}`} disabled={shift(shown.span, shown.day, 1) > today} onClick={() => show(shown.span, shift(shown.span, shown.day, 1))}><ChevronRight aria-hidden /></Button>
      </div>
      {readings.isPending ? (
        <Waiting />
      ) : readings.isError ? (
        <ProblemNotice error={readings.error} onRetry={() => void readings.refetch()} />
      ) : (
        <div className={cn('transition-opacity', readings.isPlaceholderData && 'opacity-50')} aria-busy={readings.isPlaceholderData}>
          <Readings buckets={readings.data} shown={shown} timeZone={timeZone} onEarlier={() => show(shown.span, shift(shown.span, shown.day, -1))} />
        </div>
      )}
    </Card>
  )
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading readings">
      <div className="grid grid-cols-2 gap-5 lg:grid-cols-4">{QUANTITIES.map((quantity) => <Skeleton key={quantity} className="h-14" />)}</div>
      <Skeleton className="mt-6 h-72" />
    </div>
  )
}

function Readings({ buckets, shown, timeZone, onEarlier }: { buckets: readonly Bucket[]; shown: Shown; timeZone: string; onEarlier: () => void }) {
  const [hidden, setHidden] = useState<ReadonlySet<Quantity>>(new Set(['export', 'import']))
  const sums = totals(buckets)
  if (QUANTITIES.every((quantity) => sums.energyWh[quantity] === null)) {
    return (
      <EmptyState icon={ChartNoAxesColumn} title={`No reading ${shown.span === 'day' ? 'on this day' : `in this ${shown.span}`}`} action={<Button variant="secondary" onClick={onEarlier}>Look at the {shown.span} before</Button>}>
        Readings come from the meter itself, from the community’s operator, or from a file that you upload below.
      </EmptyState>
    )
  }
  const columns = columnsOf(buckets)
  const series: Series[] = QUANTITIES.filter((quantity) => !hidden.has(quantity)).map((quantity) => ({
    label: LOOKS[quantity].label,
    color: LOOKS[quantity].color,
    values: columns.values[quantity],
    kind: shown.resolution === '1d' ? 'steps' : quantity === 'production' ? 'area' : 'line',
  }))
  const toggle = (quantity: Quantity) => setHidden((now) => (now.has(quantity) ? new Set([...now].filter((one) => one !== quantity)) : new Set([...now, quantity])))
  return (
    <>
      <div className="grid grid-cols-2 gap-x-5 gap-y-4 lg:grid-cols-4">
        {QUANTITIES.map((quantity) => (
          <Toggle key={quantity} quantity={quantity} isOn={!hidden.has(quantity)} onToggle={() => toggle(quantity)}>
            <Sum label={LOOKS[quantity].label} energyWh={sums.energyWh[quantity]} knownPercent={sums.knownPercent[quantity]} tone={LOOKS[quantity].tone} />
          </Toggle>
        ))}
      </div>
      <Chart
        className="mt-5"
        height={300}
        x={columns.starts}
        series={series}
        formatX={(seconds) => (shown.span === 'day' ? formatTime(seconds * 1000, timeZone) : dayAndMonth(seconds * 1000, timeZone))}
        formatY={(kwh) => `${kwh.toLocaleString('en', { maximumFractionDigits: 2 })} kWh`}
        summary={summaryOf(sums.energyWh, shown)}
      />
      <Quality buckets={buckets} timeZone={timeZone} />
    </>
  )
}

function Toggle({ quantity, isOn, onToggle, children }: { quantity: Quantity; isOn: boolean; onToggle: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      onClick={onToggle}
      title={isOn ? 'Hide in the chart' : 'Show in the chart'}
      className={cn('relative rounded-xl border p-3 pl-5 text-left transition-colors hover:bg-hover', isOn ? 'border-line bg-raised' : 'border-dashed border-line')}
    >
      <span aria-hidden className={cn('absolute inset-y-3 left-2 w-1 rounded-full', isOn ? LOOKS[quantity].dot : 'bg-line-strong/50')} />
      {children}
    </button>
  )
}

function Sum({ label, energyWh, knownPercent, tone }: { label: string; energyWh: bigint | null; knownPercent: number; tone?: 'sell' | 'buy' | 'primary' }) {
  if (energyWh === null) return <Stat label={label} value="–" note="not known" />
  const { value, unit } = energyParts(energyWh)
  return <Stat label={label} value={value} unit={unit} tone={tone} note={knownPercent < 100 ? `known for ${knownPercent < 1 ? 'less than 1' : knownPercent} % of the time` : 'known throughout'} />
}

const dayAndMonth = (at: number, timeZone: string) => formatDate(at, timeZone).replace(/ \d{4}$/, '')

/** The days of the span in words; days are dates of the calendar, so they are shown as in UTC. */
function titleOf({ span, day }: Shown): string {
  const first = firstDay(span, day)
  const text = (at: string) => formatDate(`${at}T12:00:00Z`, 'UTC')
  if (span === 'day') return text(first)
  if (span === 'year') return first.slice(0, 4)
  if (span === 'month') return text(first).replace(/^\d+ /, '')
  return `${text(first)} – ${text(addDays(first, 6))}`
}

function summaryOf(energyWh: Record<Quantity, bigint | null>, { span, day }: Shown): string {
  const told = QUANTITIES.map((quantity) => `${LOOKS[quantity].label.toLowerCase()} ${energyWh[quantity] === null ? 'not known' : formatEnergy(energyWh[quantity])}`)
  return `Readings of the ${span} ${titleOf({ span, day, resolution: '1d' })}: ${told.join(', ')}.`
}
