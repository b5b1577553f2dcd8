// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { ShoppingBasket } from 'lucide-react'
import { useState } from 'react'
import { formatInterval, formatMoney, costMicro, groupedText, microOf, whOf } from '@/shared/format'
import { Button, Card, CardSkeleton, EmptyState, Pagination, ProblemNotice, Table, Td, Th } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { offersQuery, type Offer } from '../queries'
import type { Community } from '@/shared/session'
import { BuyDialog } from './BuyDialog'

const REACH = [
  { value: 'all', label: 'All intervals' },
  { value: 'one', label: 'This interval' },
] as const

/** Offers of neighbours that one takes by an own transaction, the cheapest of each interval first. */
export function OffersCard({ community, interval }: { community: Community; interval: string }) {
  const [page, setPage] = useState(1)
  const [reach, setReach] = useState<'all' | 'one'>('all')
  const [chosen, setChosen] = useState<Offer | null>(null)
  const offers = useQuery(offersQuery(page, reach === 'one' ? interval : null, community.minutes))
  if (offers.isPending) return <CardSkeleton lines={5} />
  if (offers.isError) return <ProblemNotice error={offers.error} onRetry={() => void offers.refetch()} />
  return (
    <Card
      title="Direct offers"
      description="Signed by neighbours; you buy with a transaction of your own wallet"
      actions={<Segmented label="Which offers" options={REACH} value={reach} onChange={(value) => { setReach(value); setPage(1) }} />}
    >
      {offers.data.items.length === 0 ? (
        <EmptyState icon={ShoppingBasket} title="No direct offers now">
          Bid in the order book instead, or come back: this list is kept current.
        </EmptyState>
      ) : (
        <Table label="Direct offers" className="max-sm:[&_td]:px-1.5 max-sm:[&_th]:px-1.5">
          <thead>
            <tr>
              <Th>Delivery</Th>
              <Th num>kWh</Th>
              <Th num>{community.currency}/kWh</Th>
              <Th num className="max-sm:hidden">All of it</Th>
              <Th><span className="sr-only">Buy</span></Th>
            </tr>
          </thead>
          <tbody>
            {offers.data.items.map((offer) => (
              <tr key={offer.id}>
                <Td className="whitespace-nowrap tabular-nums">{formatInterval(offer.deliveryStart, offer.deliveryMinutes)}</Td>
                <Td num>{groupedText(whOf(offer.restKwh), 3, 3)}</Td>
                <Td num className="font-medium text-sell">{groupedText(microOf(offer.pricePerKwh), 6, 4)}</Td>
                <Td num className="max-sm:hidden">{formatMoney(costMicro(whOf(offer.restKwh), microOf(offer.pricePerKwh)), community.currency)}</Td>
                <Td className="text-right">
                  <Button size="sm" variant="secondary" onClick={() => setChosen(offer)} aria-label={`Buy from the offer of ${formatInterval(offer.deliveryStart, offer.deliveryMinutes)} at ${offer.pricePerKwh}`}>
                    Buy
                  </Button>
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <Pagination page={page} limit={offers.data.limit} total={offers.data.total} onPage={setPage} />
      {chosen && <BuyDialog key={chosen.id} offer={chosen} community={community} onClose={() => setChosen(null)} />}
    </Card>
  )
}
