// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { PenLine } from 'lucide-react'
import { formatDateTime, formatMoney, formatTime, groupedText, microOf, shortHex, whOf } from '@/shared/format'
import { Button, Facts, ProblemNotice, Stepper, type Step } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { inWords, type Order } from '../logic/order'
import type { OrderForm } from '../logic/validation'
import { matchesQuery } from '../queries'
import type { Community } from '@/shared/session'
import type { Signing } from './useSigning'

/** What will be signed, in words and field by field; afterwards, what became of it. */
export function ReviewDialog({ signing, form, community, onClose }: { signing: Signing; form: OrderForm; community: Community; onClose: () => void }) {
  const { draft, placed, step, error } = signing
  if (draft === null) return null
  const { order } = draft.typed
  const busy = step === 'signing' ? 'Look at your wallet …' : step === 'placing' ? 'Placing the order …' : null
  const title = placed ? (form.isBid ? 'Your bid is placed' : 'Your offer is placed') : form.isBid ? 'Sign your bid' : 'Sign your offer'
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && busy === null && onClose()}
      title={title}
      description={placed ? undefined : 'Your wallet will show the same values. Signing sends no transaction and costs nothing.'}
      footer={
        placed ? (
          <Button onClick={onClose}>Done</Button>
        ) : (
          <>
            <Button variant="secondary" onClick={onClose} disabled={busy !== null}>
              Back
            </Button>
            <Button onClick={() => void signing.sign()} busy={busy !== null}>
              <PenLine aria-hidden /> {busy ?? 'Sign in the wallet'}
            </Button>
          </>
        )
      }
    >
      {placed ? (
        <Placed signing={signing} placed={placed} community={community} />
      ) : (
        <div className="space-y-4">
          <p className="font-medium text-balance">{inWords(order, community.currency, (date) => formatTime(date))}</p>
          <OrderFields order={order} form={form} />
          {error !== null && <ProblemNotice error={error} />}
        </div>
      )}
    </Dialog>
  )
}

function OrderFields({ order, form }: { order: Order; form: OrderForm }) {
  const seconds = (value: bigint) => formatDateTime(Number(value) * 1000)
  return (
    <Facts
      className="rounded-xl border border-line bg-raised p-3"
      items={[
        ['maker', <code key="m">{shortHex(order.maker, 6)}</code>],
        ['taker', form.venue === 'book' ? 'the market’s contract' : form.taker ? <code key="t">{shortHex(form.taker, 6)}</code> : 'any neighbour'],
        ['isBid', order.isBid ? 'true: you buy' : 'false: you sell'],
        ['meter', order.meter.toString()],
        ['deliveryStart', seconds(order.deliveryStart)],
        ['deliveryMinutes', order.deliveryMinutes.toString()],
        ['energyWh', `${groupedText(order.energyWh, 0, 0)} Wh`],
        ['minFillWh', `${groupedText(order.minFillWh, 0, 0)} Wh`],
        ['pricePerKwh', `${groupedText(order.pricePerKwh, 0, 0)} micro-units`],
        ['expiry', seconds(order.expiry)],
        ['factorId · slot', `${order.factorId} · ${order.slot}`],
      ]}
    />
  )
}

type PlacedOrder = NonNullable<Signing['placed']>

function Placed({ placed, community }: { signing: Signing; placed: PlacedOrder; community: Community }) {
  const isMatched = placed.matches.length > 0
  const matches = useQuery({ ...matchesQuery(placed.id), enabled: isMatched, refetchInterval: 2_000 })
  const onChain = (matches.data ?? []).filter(({ state }) => state === 'CONFIRMED' || state === 'FINAL')
  const sent = (matches.data ?? []).some(({ state }) => state === 'SENT')
  const all = onChain.length === placed.matches.length
  const steps: Step[] = [
    { label: 'Signed', state: 'done' },
    { label: 'Placed', state: 'done', note: restNote(placed) },
    { label: 'Matched', state: isMatched ? 'done' : 'waiting', note: isMatched ? matchNote(placed, community.currency) : undefined },
    { label: 'On chain', state: !isMatched ? 'waiting' : all ? 'done' : 'active', note: isMatched && !all ? (sent ? 'Sent; waiting for its block' : 'The market sends it and pays the gas') : undefined },
    { label: 'Blockchain verified', state: isMatched && all ? 'done' : 'waiting' },
  ]
  return (
    <div className="space-y-4">
      <Stepper label="Progress of the order" steps={steps} />
      {onChain.map(({ id, tradeId }) => (
        <Link key={id} to="/trades/$id" params={{ id: tradeId }} className="block text-sm text-link underline">
          See the trade and its proof
        </Link>
      ))}
    </div>
  )
}

function restNote(placed: PlacedOrder): string {
  const rest = `${groupedText(whOf(placed.restKwh), 3, 3)} kWh`
  if (placed.state === 'FILLED') return 'Filled at once'
  if (placed.state === 'OPEN') return placed.venue === 'book' ? `${rest} rest in the book until the gate closes` : `${rest} can be taken until the gate closes`
  return `The rest of ${rest} was not traded`
}

function matchNote(placed: PlacedOrder, currency: string): string {
  const parts = placed.matches.map(({ energyKwh, pricePerKwh }) => {
    const paid = formatMoney((whOf(energyKwh) * microOf(pricePerKwh)) / 1000n, currency)
    return `${groupedText(whOf(energyKwh), 3, 3)} kWh at ${groupedText(microOf(pricePerKwh), 6, 4)} (${paid})`
  })
  return parts.join(' · ')
}
