// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ClipboardList } from 'lucide-react'
import { formatInterval, groupedText, microOf, whOf } from '@/shared/format'
import { Badge, ButtonLink, Card, CardSkeleton, EmptyState, ProblemNotice } from '@/shared/ui'
import { openOrdersQuery } from '../queries'

/** What rests in the market for oneself. */
export function OrdersCard() {
  const orders = useQuery(openOrdersQuery)
  if (orders.isPending) return <CardSkeleton lines={4} />
  if (orders.isError) return <ProblemNotice error={orders.error} onRetry={() => void orders.refetch()} />
  const { items, total } = orders.data
  return (
    <Card title="Open orders" actions={total > 0 ? <Badge tone="info">{total}</Badge> : undefined}>
      {items.length === 0 ? (
        <EmptyState icon={ClipboardList} title="No open orders" action={<ButtonLink to="/market">To the market</ButtonLink>}>
          Sell your surplus, or bid for a neighbour’s.
        </EmptyState>
      ) : (
        <ul className="divide-y divide-line/60">
          {items.map((order) => (
            <li key={order.id}>
              <Link to="/market" search={{ interval: new Date(order.deliveryStart).toISOString() }} className="flex min-h-11 items-center justify-between gap-3 rounded text-sm tabular-nums hover:bg-hover">
                <span className="flex min-w-0 items-center gap-2">
                  <Badge tone={order.side === 'bid' ? 'buy' : 'sell'}>{order.side === 'bid' ? 'buy' : 'sell'}</Badge>
                  <span className="truncate">{formatInterval(order.deliveryStart, order.deliveryMinutes)}</span>
                </span>
                <span className="whitespace-nowrap">
                  {groupedText(whOf(order.restKwh), 3, 3)} kWh <span className="text-muted">at {groupedText(microOf(order.pricePerKwh), 6, 4)}</span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
