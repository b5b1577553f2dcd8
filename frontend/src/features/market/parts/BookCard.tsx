// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { BookOpen } from 'lucide-react'
import { formatAgo, formatPrice, formatTime, groupedText } from '@/shared/format'
import { Badge, Card, CardSkeleton, Chart, EmptyState, ProblemNotice, cn, type Series } from '@/shared/ui'
import { depth, spreadMicro, type DepthPoint } from '../logic/depth'
import { bookQuery, type ShownBook } from '../queries'
import type { Community } from '@/shared/session'

const RULES: Readonly<Record<ShownBook['rule'], string>> = {
  continuous: 'Matched at once, by price, then time',
  uniform: 'Auction at the gate, one price for all',
  'pay-as-bid': 'Auction at the gate, each pays its bid',
}
const LADDER = 7

/** The live book of an interval: depth as a picture, and its best levels as figures. */
export function BookCard({ community, interval, onPick }: {
  community: Community; interval: string; onPick: (side: 'offer' | 'bid', priceMicro: bigint) => void
}) {
  const book = useQuery(bookQuery(community.number, interval))
  if (book.isPending) return <CardSkeleton lines={8} />
  if (book.isError) return <ProblemNotice error={book.error} onRetry={() => void book.refetch()} />
  const offers = depth(book.data.levels, 'offer')
  const bids = depth(book.data.levels, 'bid')
  const closes = new Date(book.data.gateCloses)
  return (
    <Card
      title="Order book"
      description={`${RULES[book.data.rule]} · gate ${closes > new Date() ? 'closes' : 'closed'} ${formatTime(closes)} (${formatAgo(closes)})`}
      actions={<Summary book={book.data} currency={community.currency} />}
    >
      {offers.length + bids.length === 0 ? (
        <EmptyState icon={BookOpen} title={book.data.isClosed ? 'This book is closed' : 'Nothing is offered or wanted yet'}>
          {book.data.isClosed ? 'Choose a later interval to trade.' : 'Place the first order: it rests here until somebody meets its price.'}
        </EmptyState>
      ) : (
        <>
          <DepthChart offers={offers} bids={bids} currency={community.currency} />
          <div className="mt-4 grid grid-cols-1 gap-x-8 gap-y-4 sm:grid-cols-2">
            <Ladder side="bid" points={bids} onPick={onPick} />
            <Ladder side="offer" points={offers} onPick={onPick} />
          </div>
        </>
      )}
    </Card>
  )
}

function Summary({ book, currency }: { book: ShownBook; currency: string }) {
  const spread = spreadMicro(book.levels)
  return (
    <>
      {book.lastPriceMicro !== null && <Badge tone="info">Last {formatPrice(book.lastPriceMicro, currency)}</Badge>}
      {spread !== null && <Badge>{spread < 0n ? 'Kept apart by fees' : `Spread ${groupedText(spread, 6, 4)}`}</Badge>}
    </>
  )
}

/** Cumulated energy over price: bids from the highest down, offers from the lowest up. */
function DepthChart({ offers, bids, currency }: { offers: readonly DepthPoint[]; bids: readonly DepthPoint[]; currency: string }) {
  const byPrice = new Map<bigint, { bid: number | null; offer: number | null }>()
  for (const { priceMicro, totalWh } of bids) byPrice.set(priceMicro, { bid: Number(totalWh) / 1000, offer: null })
  for (const { priceMicro, totalWh } of offers) {
    byPrice.set(priceMicro, { bid: byPrice.get(priceMicro)?.bid ?? null, offer: Number(totalWh) / 1000 })
  }
  const prices = [...byPrice.keys()].sort((one, other) => (one < other ? -1 : 1))
  const highestBid = bids[0]?.priceMicro
  const lowestOffer = offers[0]?.priceMicro
  const bidAt = (price: bigint) => stepAt(bids, (point) => point.priceMicro >= price, highestBid !== undefined && price <= highestBid)
  const offerAt = (price: bigint) => stepAt(offers, (point) => point.priceMicro <= price, lowestOffer !== undefined && price >= lowestOffer)
  const series: Series[] = [
    { label: 'Bids, kWh', color: 'buy', kind: 'steps', values: prices.map(bidAt) },
    { label: 'Offers, kWh', color: 'sell', kind: 'steps', values: prices.map(offerAt) },
  ]
  const wanted = bids.at(-1)?.totalWh ?? 0n
  const offered = offers.at(-1)?.totalWh ?? 0n
  return (
    <Chart
      numeric
      height={220}
      x={prices.map((price) => Number(price) / 1e6)}
      series={series}
      formatX={(price) => price.toFixed(3)}
      formatY={(kwh) => kwh.toLocaleString('en', { maximumFractionDigits: 2 })}
      summary={`Depth of the book: ${groupedText(wanted, 3, 2)} kWh wanted up to ${highestBid === undefined ? 'no price' : formatPrice(highestBid, currency)}, ${groupedText(offered, 3, 2)} kWh offered from ${lowestOffer === undefined ? 'no price' : formatPrice(lowestOffer, currency)}.`}
    />
  )
}

function stepAt(points: readonly DepthPoint[], counts: (point: DepthPoint) => boolean, isInside: boolean): number | null {
  if (!isInside) return null
  return Number(points.filter(counts).at(-1)?.totalWh ?? 0n) / 1000
}

function Ladder({ side, points, onPick }: {
  side: 'offer' | 'bid'; points: readonly DepthPoint[]; onPick: (side: 'offer' | 'bid', priceMicro: bigint) => void
}) {
  const shown = points.slice(0, LADDER)
  const deepest = Number(shown.at(-1)?.totalWh ?? 1n)
  const tone = side === 'offer' ? 'text-sell' : 'text-buy'
  return (
    <section aria-label={side === 'offer' ? 'Offers' : 'Bids'}>
      <div className="mb-1 grid grid-cols-3 text-xs text-muted">
        <span className={cn('font-semibold', tone)}>{side === 'offer' ? 'Offers' : 'Bids'}</span>
        <span className="text-right">kWh</span>
        <span className="text-right">Total</span>
      </div>
      {shown.length === 0 && <p className="py-2 text-sm text-muted">{side === 'offer' ? 'No offers' : 'No bids'}</p>}
      <ul>
        {shown.map(({ priceMicro, energyWh, totalWh }) => (
          <li key={priceMicro.toString()} className="relative">
            <span
              aria-hidden
              className={cn('absolute inset-y-0 right-0 rounded-sm opacity-12', side === 'offer' ? 'bg-sell' : 'bg-buy')}
              style={{ width: `${(Number(totalWh) / deepest) * 100}%` }}
            />
            <button
              type="button"
              onClick={() => onPick(side, priceMicro)}
              title="Take this price into the form"
              className="relative grid min-h-8 w-full grid-cols-3 items-center rounded text-sm tabular-nums hover:bg-hover/60"
            >
              <span className={cn('text-left font-medium', tone)}>{groupedText(priceMicro, 6, 4)}</span>
              <span className="text-right">{groupedText(energyWh, 3, 3)}</span>
              <span className="text-right text-muted">{groupedText(totalWh, 3, 3)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
