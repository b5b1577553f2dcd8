// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ClipboardList } from 'lucide-react'
import { useState } from 'react'
import type { Address } from 'viem'
import { api, ApiProblem, take } from '@/shared/api'
import { formatInterval, groupedText, microOf, whOf } from '@/shared/format'
import { Badge, Button, Card, CardSkeleton, EmptyState, Pagination, ProblemNotice, Table, Td, Th, toast, type Tone } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { Segmented } from '@/shared/ui/tabs'
import { useWallet } from '@/shared/wallet'
import { troubleOf } from '../logic/trouble'
import { ordersQuery, type Order } from '../queries'
import { useTrader } from '../ticket/trader'
import { WalletLine } from '../ticket/WalletLine'
import type { Community } from '@/shared/session'

const STATES: Readonly<Record<Order['state'], readonly [label: string, tone: Tone]>> = {
  OPEN: ['open', 'info'],
  FILLED: ['filled', 'success'],
  CANCELLED: ['cancelled', 'neutral'],
  CLOSED: ['gate closed', 'neutral'],
}
const WHICH = [
  { value: 'OPEN', label: 'Open' },
  { value: 'all', label: 'All' },
] as const

/** Own orders of book and direct offers, with what is left of them; open ones can be cancelled. */
export function OrdersCard({ community }: { community: Community }) {
  const [which, setWhich] = useState<'OPEN' | 'all'>('OPEN')
  const [page, setPage] = useState(1)
  const [cancelling, setCancelling] = useState<Order | null>(null)
  const orders = useQuery(ordersQuery(page, which === 'OPEN' ? { state: 'OPEN' } : {}))
  return (
    <Card
      title="Your orders"
      actions={<Segmented label="Which orders" options={WHICH} value={which} onChange={(value) => { setWhich(value); setPage(1) }} />}
    >
      {orders.isPending ? (
        <CardSkeleton lines={3} />
      ) : orders.isError ? (
        <ProblemNotice error={orders.error} onRetry={() => void orders.refetch()} />
      ) : orders.data.items.length === 0 ? (
        <EmptyState icon={ClipboardList} title={which === 'OPEN' ? 'No open orders' : 'No orders yet'}>
          Fill in the form to sell your surplus or to bid for a neighbour’s.
        </EmptyState>
      ) : (
        <>
          <OrdersTable orders={orders.data.items} community={community} onCancel={setCancelling} />
          <Pagination page={page} limit={orders.data.limit} total={orders.data.total} onPage={setPage} />
        </>
      )}
      {cancelling && <CancelDialog order={cancelling} community={community} onClose={() => setCancelling(null)} />}
    </Card>
  )
}

function OrdersTable({ orders, community, onCancel }: { orders: readonly Order[]; community: Community; onCancel: (order: Order) => void }) {
  return (
    <Table label="Your orders" className="max-sm:[&_td]:px-1.5 max-sm:[&_th]:px-1.5">
      <thead>
        <tr>
          <Th>Delivery</Th>
          <Th className="max-sm:hidden">Side</Th>
          <Th num>kWh</Th>
          <Th num className="max-sm:hidden">Traded</Th>
          <Th num>{community.currency}/kWh</Th>
          <Th className="max-sm:hidden">State</Th>
          <Th><span className="sr-only">Cancel</span></Th>
        </tr>
      </thead>
      <tbody>
        {orders.map((order) => {
          const [label, tone] = STATES[order.state]
          return (
            <tr key={order.id}>
              <Td className="whitespace-nowrap tabular-nums">
                {formatInterval(order.deliveryStart, order.deliveryMinutes)}
                <span className="mt-1 flex gap-1 sm:hidden">
                  <SideBadge order={order} />
                  {order.state !== 'OPEN' && <Badge tone={tone}>{label}</Badge>}
                </span>
              </Td>
              <Td className="max-sm:hidden">
                <SideBadge order={order} />
              </Td>
              <Td num>{groupedText(whOf(order.energyKwh), 3, 3)}</Td>
              <Td num className="max-sm:hidden">{groupedText(whOf(order.matchedKwh) + whOf(order.takenKwh), 3, 3)}</Td>
              <Td num>{groupedText(microOf(order.pricePerKwh), 6, 4)}</Td>
              <Td className="max-sm:hidden">
                <Badge tone={tone}>{label}</Badge>
              </Td>
              <Td className="text-right">
                {order.state === 'OPEN' && (
                  <Button size="sm" variant="ghost" onClick={() => onCancel(order)}>
                    Cancel<span className="sr-only"> the order of {formatInterval(order.deliveryStart, order.deliveryMinutes)}</span>
                  </Button>
                )}
              </Td>
            </tr>
          )
        })}
      </tbody>
    </Table>
  )
}

function SideBadge({ order: { side, venue } }: { order: Order }) {
  return <Badge tone={side === 'bid' ? 'buy' : 'sell'}>{side === 'bid' ? 'buy' : venue === 'direct' ? 'sell, direct' : 'sell'}</Badge>
}

/** Orders of the book end at once; a direct offer ends by a transaction of its maker. */
function CancelDialog({ order, community, onClose }: { order: Order; community: Community; onClose: () => void }) {
  const client = useQueryClient()
  const trader = useTrader(useWallet().wanted)
  const isDirect = order.venue === 'direct'
  const cancelling = useMutation({
    mutationFn: async () => {
      const wanted = await cancelOffChain(order.id)
      if (wanted !== null) await trader.cancel(wanted, order.maker as Address)
    },
    onSuccess: () => {
      toast.success(isDirect ? 'The offer is cancelled on chain' : 'The order is cancelled', isDirect ? 'It leaves the list once its block is confirmed.' : undefined)
      void client.invalidateQueries({ queryKey: ['market'] })
      onClose()
    },
  })
  const trouble = cancelling.error === null ? null : troubleOf(cancelling.error)
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !cancelling.isPending && onClose()}
      title="Cancel this order?"
      description={`${order.side === 'bid' ? 'Bid' : 'Offer'} of ${groupedText(whOf(order.energyKwh), 3, 3)} kWh, delivery ${formatInterval(order.deliveryStart, community.minutes)}`}
      footer={
        <>
          <Button variant="secondary" onClick={onClose} disabled={cancelling.isPending}>
            Keep it
          </Button>
          <Button variant="danger" busy={cancelling.isPending} onClick={() => cancelling.mutate()}>
            {isDirect ? 'Cancel on chain' : 'Cancel the order'}
          </Button>
        </>
      }
    >
      <div className="space-y-4 text-sm">
        {isDirect ? (
          <>
            <p>Whoever has seen this offer’s signature can take it until the chain knows that it is cancelled. Your wallet sends that transaction; it costs gas.</p>
            <WalletLine />
          </>
        ) : (
          <p>What rests of the order leaves the book. What has matched stands.</p>
        )}
        {trouble && (
          <p role="alert" className="text-danger">
            {trouble.what} <span className="text-muted">{trouble.advice}</span>
          </p>
        )}
      </div>
    </Dialog>
  )
}

/** Cancels an order of the book; for a direct offer: the arguments of the transaction that ends it. */
async function cancelOffChain(orderId: string) {
  try {
    await take(api.DELETE('/api/market/orders/{order_id}', { params: { path: { order_id: orderId } } }))
    return null
  } catch (problem) {
    if (!(problem instanceof ApiProblem) || problem.code !== 'order.cancel_on_chain') throw problem
    const { lane, deliveryStart, mask } = problem.details['arguments'] as Record<'lane' | 'deliveryStart' | 'mask', string>
    return { lane: BigInt(lane), deliveryStart: Number(deliveryStart), mask: Number(mask) }
  }
}
