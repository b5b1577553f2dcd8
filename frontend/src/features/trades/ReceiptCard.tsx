// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Scale } from 'lucide-react'
import { formatEnergy, formatMoney, formatPrice, groupedText, microOf } from '@/shared/format'
import { Badge, Card, cn, EmptyState, Facts, Hash, ProblemNotice, Skeleton } from '@/shared/ui'
import { levelsOf, readReceipt, refusalWords, ruleWords, whyWords, type Level, type Receipt } from './receipt'
import { receiptQuery } from './queries'
import type { Trade } from './states'

/** Why this price: the book as it stood, the rule, and who came close. Only the parties and their operators see it. */
export function ReceiptCard({ trade, currency }: { trade: Trade; currency: string }) {
  const receipt = useQuery(receiptQuery(trade.tradeId ?? ''))
  return (
    <Card title="Why this price" description="The order book as it stood when the trade was matched. Owners are numbered, never named.">
      {receipt.isPending ? (
        <div className="space-y-3" role="status" aria-label="Loading the receipt"><Skeleton /><Skeleton className="h-28" /></div>
      ) : receipt.isError ? (
        <ProblemNotice error={receipt.error} onRetry={() => void receipt.refetch()} />
      ) : receipt.data === null ? (
        <EmptyState icon={Scale} title="The receipt is its parties’ own">
          Seller, buyer and the community’s operators see the book behind a price. The auditor clears every receipt again.
        </EmptyState>
      ) : (
        <Explained receipt={readReceipt(receipt.data)} currency={currency} fee={receipt.data.match.fee} />
      )}
    </Card>
  )
}

/** A direct offer: nobody cleared anything, the seller named the price. */
export function DirectPrice({ trade, currency }: { trade: Trade; currency: string }) {
  const text =
    trade.kind === 'filled'
      ? 'The seller signed an offer at this price, and the buyer took it with an own transaction. No order book was involved.'
      : 'One party logged this price. It counts only once the other party confirms the trade on chain.'
  return (
    <Card title="Why this price">
      <p className="text-2xl font-semibold tabular-nums">{formatPrice(microOf(trade.pricePerKwh), currency)}</p>
      <p className="mt-2 text-sm text-muted">{text}</p>
    </Card>
  )
}

function Explained({ receipt, currency, fee }: { receipt: Receipt; currency: string; fee: string | null }) {
  return (
    <div className="space-y-5">
      <div>
        <Badge tone="violet">{ruleWords(receipt.rule)}</Badge>
        <p className="mt-3 text-sm">{whyWords(receipt.why, currency)}</p>
      </div>
      <div className="grid gap-5 sm:grid-cols-2">
        <Levels title="Offers, cheapest first" levels={levelsOf(receipt, 'offer')} className="bg-sell/25" />
        <Levels title="Bids, highest first" levels={levelsOf(receipt, 'bid')} className="bg-buy/25" />
      </div>
      <Facts
        items={[
          ['Traded in this clearing', formatEnergy(BigInt(receipt.volumeWh))],
          ...(fee === null ? [] : [['Your fee', formatMoney(microOf(fee), currency)] as const]),
          ['Hash of the book', <Hash key="h" value={receipt.bookHash} />],
        ]}
      />
      <div className="space-y-2 text-sm text-muted">
        {receipt.refusedOffer && <p><span className="font-medium text-fg">Next offer left out.</span> {refusalWords(receipt.refusedOffer, currency)}</p>}
        {receipt.refusedBid && <p><span className="font-medium text-fg">Next bid left out.</span> {refusalWords(receipt.refusedBid, currency)}</p>}
      </div>
    </div>
  )
}

function Levels({ title, levels, className }: { title: string; levels: readonly (Level & { share: number })[]; className: string }) {
  return (
    <div className="min-w-0">
      <h3 className="mb-2 text-xs font-medium text-muted">{title}</h3>
      {levels.length === 0 && <p className="text-sm text-muted">None</p>}
      <ul className="space-y-1">
        {levels.map((level) => (
          <li key={`${level.zone} ${level.priceMicro}`} className="relative flex justify-between gap-3 overflow-hidden rounded-md px-2 py-1 text-sm tabular-nums">
            <span aria-hidden className={cn('absolute inset-y-0 left-0 rounded-md', className)} style={{ width: `${Math.max(2, level.share * 100)}%` }} />
            <span className="relative">{groupedText(BigInt(level.priceMicro), 6, 4)}</span>
            <span className="relative text-muted">{formatEnergy(BigInt(level.energyWh))}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
