// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Hourglass } from 'lucide-react'
import { useState, type ReactNode, type SubmitEvent } from 'react'
import { costMicro, formatInterval, formatMoney, formatPrice, formatTime, groupedText, microOf, shortHex, whOf } from '@/shared/format'
import { Button, CardSkeleton, EmptyState, Facts, Field, Input, ProblemNotice } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { isEnded, type Purchase } from '../logic/purchase'
import { checkPurchase } from '../logic/validation'
import { PurchaseProgress } from '../parts/PurchaseProgress'
import { usePurchase } from '../purchases/store'
import { reservationsQuery, type Offer } from '../queries'
import type { Community } from '@/shared/session'
import { useDesk } from './useFacts'
import type { Reservation } from './trader'
import { useBuying, type Buying } from './useBuying'
import { WalletLine } from './WalletLine'

/** Buy from a direct offer: amount → reserved → confirmed in the wallet → on chain → verified. */
export function BuyDialog({ offer, community, onClose }: { offer: Offer; community: Community; onClose: () => void }) {
  const buying = useBuying(community)
  return (
    <PurchaseDialog buying={buying} community={community} deliveryStart={offer.deliveryStart} pricePerKwh={offer.pricePerKwh} onClose={onClose}>
      <AmountForm offer={offer} community={community} buying={buying} />
    </PurchaseDialog>
  )
}

/** Go on with a purchase that was reserved before the page was left. */
export function ResumeDialog({ purchase, community, onClose }: { purchase: Purchase; community: Community; onClose: () => void }) {
  const held = useQuery(reservationsQuery)
  const reservation = held.data?.find(({ id }) => id === purchase.id) ?? null
  const buying = useBuying(community, reservation)
  return (
    <PurchaseDialog buying={buying} community={community} deliveryStart={purchase.deliveryStart} pricePerKwh={purchase.pricePerKwh} onClose={onClose}>
      {held.isPending ? (
        <CardSkeleton lines={4} />
      ) : held.isError ? (
        <ProblemNotice error={held.error} onRetry={() => void held.refetch()} />
      ) : (
        <EmptyState icon={Hourglass} title="The reservation has run out">
          Nothing was sent. Choose the offer again.
        </EmptyState>
      )}
    </PurchaseDialog>
  )
}

/** `children` stand until there is a reservation. */
function PurchaseDialog({ buying, community, deliveryStart, pricePerKwh, onClose, children }: {
  buying: Buying; community: Community; deliveryStart: string; pricePerKwh: string; onClose: () => void; children: ReactNode
}) {
  const { reservation } = buying
  const purchase = usePurchase(reservation?.id ?? '')
  const isSent = purchase?.txHash !== undefined || purchase?.stage === 'verified'
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={isSent ? 'Your purchase' : reservation ? 'Confirm in your wallet' : 'Buy this offer'}
      description={`Delivery ${formatInterval(deliveryStart, community.minutes)} at ${formatPrice(microOf(pricePerKwh), community.currency)}`}
    >
      {purchase === undefined || reservation === null ? (
        children
      ) : isSent ? (
        <div className="space-y-4">
          <PurchaseProgress purchase={purchase} />
          {!isEnded(purchase) && <p className="text-sm text-muted">You may close this window: the purchase goes on, and waits for you on the market page.</p>}
          <Button className="w-full" variant="secondary" onClick={onClose}>
            Close
          </Button>
        </div>
      ) : (
        <Confirm buying={buying} reservation={reservation} purchase={purchase} community={community} />
      )}
    </Dialog>
  )
}

function AmountForm({ offer, community, buying }: { offer: Offer; community: Community; buying: Buying }) {
  const [typed, setTyped] = useState(offer.restKwh)
  const [tried, setTried] = useState(false)
  const desk = useDesk(community, intervalOf(offer), null)
  const restWh = whOf(offer.restKwh)
  const facts = { restWh, minFillWh: whOf(offer.minFillKwh), gateCloses: new Date(offer.gateCloses) }
  const { problems, energyWh } = checkPurchase(typed, facts, desk.facts)
  const elsewhere = problems.filter(({ field }) => field !== 'energy')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setTried(true)
    if (energyWh !== null) void buying.reserve(offer, energyWh, desk.house?.wallet ?? null)
  }
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <WalletLine />
      <Field
        label="Energy"
        hint={`${groupedText(restWh, 3, 3)} kWh are left${facts.minFillWh > 0n ? `, in parts of at least ${groupedText(facts.minFillWh, 3, 3)} kWh` : ''}`}
        error={tried ? problems.find(({ field }) => field === 'energy')?.text : undefined}
      >
        {(parts) => <Input {...parts} unit="kWh" inputMode="decimal" autoComplete="off" value={typed} onChange={({ target }) => setTyped(target.value)} />}
      </Field>
      {energyWh !== null && (
        <p className="text-sm text-muted">
          You pay <strong className="text-fg tabular-nums">{formatMoney(costMicro(energyWh, microOf(offer.pricePerKwh)), community.currency)}</strong> for what is delivered, by the monthly statement. The transaction itself costs only gas.
        </p>
      )}
      {tried && elsewhere.length > 0 && (
        <ul role="alert" className="space-y-1 rounded-xl border border-warning/50 bg-warning/5 p-3 text-sm">
          {elsewhere.map(({ text }) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      {buying.error !== null && <ProblemNotice error={buying.error} />}
      <Button type="submit" size="lg" className="w-full" busy={buying.isReserving}>
        Reserve and review
      </Button>
    </form>
  )
}

function Confirm({ buying, reservation, purchase, community }: { buying: Buying; reservation: Reservation; purchase: Purchase; community: Community }) {
  const energyWh = BigInt(reservation.energyWh)
  const priceMicro = microOf(purchase.pricePerKwh)
  return (
    <div className="space-y-4">
      <WalletLine />
      <p className="font-medium text-balance">
        You buy {groupedText(energyWh, 3, 3)} kWh for {formatMoney(costMicro(energyWh, priceMicro), community.currency)}. Your wallet calls <code>fillOffer</code> of the trade log.
      </p>
      <Facts
        className="rounded-xl border border-line bg-raised p-3"
        items={[
          ['From your wallet', <code key="b">{shortHex(reservation.buyer, 6)}</code>],
          ['Contract', <code key="c">{shortHex(reservation.contract, 6)}</code>],
          ['Seller', <code key="s">{shortHex(String(reservation.order['maker']), 6)}</code>],
          ['Delivery', formatInterval(purchase.deliveryStart, community.minutes)],
          ['Energy', `${groupedText(energyWh, 0, 0)} Wh`],
          ['Price', formatPrice(priceMicro, community.currency)],
          ['Your meter', reservation.buyerMeter],
          ['Held for you until', formatTime(reservation.expiresAt)],
        ]}
      />
      <PurchaseProgress purchase={purchase} />
      <Button size="lg" className="w-full" busy={buying.isAsking} onClick={() => void buying.confirm()}>
        {buying.isAsking ? 'Look at your wallet …' : purchase.trouble ? 'Try again' : 'Confirm in the wallet'}
      </Button>
    </div>
  )
}

function intervalOf(offer: Offer) {
  const start = new Date(offer.deliveryStart)
  const end = new Date(start.getTime() + offer.deliveryMinutes * 60_000).toISOString()
  return { start: start.toISOString(), end, gateOpens: new Date(0).toISOString(), gateCloses: offer.gateCloses, state: 'open', lastPricePerKwh: null, bookVersion: 0 } as const
}
