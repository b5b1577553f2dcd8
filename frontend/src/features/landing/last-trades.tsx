// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowRight, BadgeCheck, Clock3, Undo2, Zap } from 'lucide-react'
import type { Schemas } from '@/shared/api'
import { formatAgo, formatCarbon, formatEnergy, gramsOf, shortHex, whOf } from '@/shared/format'
import { Badge, Card, EmptyState, ProblemNotice, Skeleton } from '@/shared/ui'
import { lastTradesQuery } from './queries'

type Trade = Schemas['TradeOut']

/** The newest trades; each leads to its page, where the visitor's own browser checks the proof. */
export function LastTrades() {
  const trades = useQuery(lastTradesQuery)
  return (
    <Card title="Latest trades" description="Open one: your own browser checks its proof." className="h-full">
      {trades.isPending ? (
        <div role="status" aria-label="Loading trades" className="space-y-4">
          {Array.from({ length: 6 }, (_, place) => <Skeleton key={place} className="h-10" />)}
        </div>
      ) : trades.isError ? (
        <ProblemNotice error={trades.error} onRetry={() => void trades.refetch()} />
      ) : trades.data.items.length === 0 ? (
        <EmptyState icon={Zap} title="No trade yet">
          The first kilowatt-hour that a neighbour sells appears here the moment its block is confirmed.
        </EmptyState>
      ) : (
        <ul className="-my-1 divide-y divide-line/60">
          {trades.data.items.map((trade) => <li key={trade.id}><TradeLine trade={trade} /></li>)}
        </ul>
      )}
    </Card>
  )
}

function TradeLine({ trade }: { trade: Trade }) {
  return (
    <Link to="/trades/$id" params={{ id: trade.tradeId ?? trade.id }} className="group -mx-2 grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 rounded-lg px-2 py-2.5 hover:bg-hover">
      <span className="min-w-0">
        <span className="flex flex-wrap items-baseline gap-x-2">
          <strong className="font-semibold tabular-nums">{formatEnergy(whOf(trade.energyKwh))}</strong>
          {trade.consented && gramsOf(trade.carbonSavedKg) > 0n && (
            <span className="text-xs text-carbon tabular-nums">≈ {formatCarbon(gramsOf(trade.carbonSavedKg))} CO₂e avoided</span>
          )}
        </span>
        <span className="mt-0.5 flex items-center gap-1.5 font-mono text-[11px] whitespace-nowrap text-muted sm:text-xs">
          {trade.sellerAddress ? shortHex(trade.sellerAddress) : 'seller'}
          <ArrowRight className="size-3" aria-label="to" />
          {trade.buyerAddress ? shortHex(trade.buyerAddress) : 'buyer'}
        </span>
      </span>
      <span className="flex flex-col items-end gap-1">
        <Verified trade={trade} />
        {trade.blockTime && <time dateTime={trade.blockTime} className="text-xs text-muted">{formatAgo(trade.blockTime)}</time>}
      </span>
    </Link>
  )
}

function Verified({ trade }: { trade: Trade }) {
  if (trade.status === 'orphaned') return <Badge tone="warning"><Undo2 aria-hidden /> Block replaced</Badge>
  if (!trade.consented) return <Badge><Clock3 aria-hidden /> One party only</Badge>
  return <Badge tone="success"><BadgeCheck aria-hidden /> {trade.status === 'final' ? 'Verified, final' : 'Blockchain verified'}</Badge>
}
