// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { carbonParts, energyParts, gramsOf, whOf } from '@/shared/format'
import { ProblemNotice, Skeleton } from '@/shared/ui'
import { chainQuery, totalsQuery } from './queries'

/** What was traded in all, straight from the records; and the block up to which they were checked. */
export function Figures() {
  const totals = useQuery(totalsQuery)
  if (totals.isError) return <ProblemNotice error={totals.error} onRetry={() => void totals.refetch()} />
  const energy = totals.data && energyParts(whOf(totals.data.energyKwh))
  const carbon = totals.data && carbonParts(gramsOf(totals.data.carbonSavedKg))
  return (
    <section aria-label="GridX in figures" aria-busy={totals.isPending} className="rounded-2xl border border-line bg-surface/80 shadow-card backdrop-blur">
      <dl className="grid grid-cols-2 divide-line lg:grid-cols-4 lg:divide-x">
        <Figure name="Trades with proof" value={totals.data?.trades.toLocaleString('en')} tone="text-primary" />
        <Figure name="Energy traded" value={energy?.value} unit={energy?.unit} tone="text-buy" />
        <Figure name="Avoided emissions, estimate" value={carbon?.value} unit={carbon && `${carbon.unit} CO₂e`} tone="text-carbon" />
        <Figure name="Homes that sold" value={totals.data?.sellers.toLocaleString('en')} tone="text-sell" />
      </dl>
      <ChainLine />
    </section>
  )
}

function Figure({ name, value, unit, tone }: { name: string; value: ReactNode; unit?: ReactNode; tone: string }) {
  return (
    <div className="flex min-w-0 flex-col-reverse justify-end gap-1.5 p-4 sm:p-6">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="min-h-9 text-2xl leading-9 font-bold tracking-tight tabular-nums sm:text-3xl">
        {value === undefined ? <Skeleton className="mt-2 h-6 w-24" /> : <span className={tone}>{value}</span>}
        {unit !== undefined && <span className="ml-1.5 text-sm font-medium text-muted sm:text-base">{unit}</span>}
      </dd>
    </div>
  )
}

const STATES = {
  following: 'every block checked by its hash',
  waiting: 'waiting for a node that agrees',
  halted: 'stopped: blocks contradict each other',
  away: 'the follower of the chain is away',
} as const

function ChainLine() {
  const chain = useQuery(chainQuery)
  return (
    <p className="flex min-h-11 flex-wrap items-center gap-x-2 border-t border-line px-4 py-2.5 text-xs text-muted sm:px-6">
      {chain.data ? (
        <>
          <span aria-hidden className={`size-2 rounded-full ${chain.data.state === 'following' ? 'bg-success' : 'bg-warning'}`} />
          <span className="capitalize">{chain.data.network}</span>
          <span className="tabular-nums">block {chain.data.indexedBlock.toLocaleString('en')}</span>
          <span>· {STATES[chain.data.state]}</span>
        </>
      ) : (
        <span>{chain.isError ? 'The chain cannot be asked at the moment; records below stay as they are.' : 'Asking the chain …'}</span>
      )}
    </p>
  )
}
