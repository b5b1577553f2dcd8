// SPDX-License-Identifier: Apache-2.0
import { PenLine } from 'lucide-react'
import { useState, type ReactNode, type SubmitEvent } from 'react'
import { costMicro, formatInterval, formatMoney, scaledText, whOf } from '@/shared/format'
import { Button, Card, Field, Input, ProblemNotice, Select, Skeleton } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { checkOrder, type Amounts, type Field as FieldName, type OrderForm, type Problem } from '../logic/validation'
import type { Interval } from '../queries'
import type { Community } from '@/shared/session'
import { ReviewDialog } from './ReviewDialog'
import { useDesk, type Desk } from './useFacts'
import { useSigning } from './useSigning'
import { WalletLine } from './WalletLine'

const SIDES = [
  { value: 'buy', label: 'Buy' },
  { value: 'sell', label: 'Sell' },
] as const
const VENUES = [
  { value: 'book', label: 'Order book' },
  { value: 'direct', label: 'Direct offer' },
] as const
const KINDS = [
  { value: 'limit', label: 'Limit' },
  { value: 'market', label: 'At once' },
] as const

export interface Ticket {
  readonly form: OrderForm
  readonly change: (changes: Partial<OrderForm>) => void
}

/** Sell or bid: an order is filled in, checked, shown in words, signed in the wallet, placed. */
export function OrderTicket({ community, interval, form, change }: Ticket & { community: Community; interval: Interval | null }) {
  const [houseId, setHouseId] = useState<string | null>(null)
  const [tried, setTried] = useState(false)
  const desk = useDesk(community, interval, houseId)
  const signing = useSigning()
  const { problems, amounts } = checkOrder(form, desk.facts)
  const shown = (field: FieldName) => (tried ? problems.find((problem) => problem.field === field)?.text : undefined)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setTried(true)
    if (amounts && desk.house && interval) void signing.ask({ form, amounts, house: desk.house, start: new Date(interval.start) })
  }
  const close = () => {
    const isPlaced = signing.placed !== null
    signing.close()
    if (!isPlaced) return
    setTried(false)
    change({ energy: '', minFill: '' })
  }
  return (
    <Card title="Trade" description={interval ? `Delivery ${formatInterval(interval.start, community.minutes)}` : 'Choose a delivery interval'}>
      <form onSubmit={submit} noValidate className="space-y-4">
        <Segmented label="Side" options={SIDES} value={form.isBid ? 'buy' : 'sell'} onChange={(side) => change({ isBid: side === 'buy', venue: 'book' })} className="w-full [&_label]:flex-1 [&_label]:justify-center" />
        <WalletLine />
        <HouseField desk={desk} isBid={form.isBid} error={shown('house')} onChoose={setHouseId} />
        {!form.isBid && (
          <Segmented label="Where to sell" options={VENUES} value={form.venue} onChange={(venue) => change({ venue, kind: 'limit' })} className="w-full [&_label]:flex-1 [&_label]:justify-center" />
        )}
        <Fields form={form} change={change} currency={community.currency} shown={shown} />
        <Outcome form={form} amounts={amounts} currency={community.currency} />
        {tried && <Rest problems={problems} />}
        {signing.error !== null && signing.draft === null && <ProblemNotice error={signing.error} />}
        <Button type="submit" size="lg" className="w-full" busy={signing.step === 'drafting'}>
          <PenLine aria-hidden /> {form.isBid ? 'Review the bid' : 'Review the offer'}
        </Button>
      </form>
      <ReviewDialog signing={signing} form={form} community={community} onClose={close} />
    </Card>
  )
}

function HouseField({ desk, isBid, error, onChoose }: { desk: Desk; isBid: boolean; error: ReactNode; onChoose: (id: string) => void }) {
  if (desk.isPending) return <Skeleton className="h-11 w-full" />
  if (desk.error) return <ProblemNotice error={desk.error} onRetry={desk.retry} />
  if (desk.houses.length === 0) {
    return (
      <p className="rounded-xl border border-dashed border-line-strong/50 p-3 text-sm text-muted">
        You have no house here yet. Add one under <a className="text-link underline" href="/houses">Houses</a> to trade.
      </p>
    )
  }
  const rest = desk.house && whOf(isBid ? desk.house.bids.restKwh : desk.house.offers.restKwh)
  return (
    <Field label="House" error={error} hint={rest === null ? undefined : `${scaledText(rest, 3)} kWh free in this interval`}>
      {(parts) => (
        <Select {...parts} value={desk.house?.houseId ?? ''} onChange={({ target }) => onChoose(target.value)}>
          {desk.houses.map(({ houseId, name }) => (
            <option key={houseId} value={houseId}>
              {name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  )
}

function Fields({ form, change, currency, shown }: Ticket & { currency: string; shown: (field: FieldName) => string | undefined }) {
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Energy" error={shown('energy')}>
          {(parts) => <Input {...parts} unit="kWh" inputMode="decimal" autoComplete="off" value={form.energy} onChange={({ target }) => change({ energy: target.value })} />}
        </Field>
        <Field label={form.isBid ? 'Highest price' : 'Lowest price'} error={shown('price')}>
          {(parts) => <Input {...parts} unit={`${currency}/kWh`} inputMode="decimal" autoComplete="off" value={form.price} onChange={({ target }) => change({ price: target.value })} />}
        </Field>
      </div>
      <details className="rounded-xl border border-line px-3 py-2 text-sm">
        <summary className="min-h-8 py-1 font-medium text-muted select-none">More conditions</summary>
        <div className="space-y-4 pt-3 pb-2">
          {form.venue === 'book' && <Segmented label="Kind" options={KINDS} value={form.kind} onChange={(kind) => change({ kind })} />}
          <Field label="Least part" hint="Smaller parts are not traded; empty: any part" error={shown('minFill')}>
            {(parts) => <Input {...parts} unit="kWh" inputMode="decimal" autoComplete="off" value={form.minFill} onChange={({ target }) => change({ minFill: target.value })} />}
          </Field>
          {form.venue === 'direct' && (
            <Field label="Only for this wallet" hint="Empty: any neighbour with an enrolled meter may take it" error={shown('taker')}>
              {(parts) => <Input {...parts} placeholder="0x…" spellCheck={false} autoComplete="off" value={form.taker} onChange={({ target }) => change({ taker: target.value })} />}
            </Field>
          )}
        </div>
      </details>
    </>
  )
}

function Outcome({ form, amounts, currency }: { form: OrderForm; amounts: Amounts | null; currency: string }) {
  if (amounts === null) return null
  const money = formatMoney(costMicro(amounts.energyWh, amounts.priceMicro), currency)
  return (
    <p className="text-sm text-muted" aria-live="polite">
      {form.isBid ? 'You pay at most' : 'You get at least'} <strong className="text-fg tabular-nums">{money}</strong> if all of it trades and is delivered.
    </p>
  )
}

/** Problems that belong to no field in sight. */
function Rest({ problems }: { problems: readonly Problem[] }) {
  const rest = problems.filter(({ field }) => field === 'wallet' || field === 'interval')
  if (rest.length === 0) return null
  return (
    <ul role="alert" className="space-y-1 rounded-xl border border-warning/50 bg-warning/5 p-3 text-sm">
      {rest.map(({ text }) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  )
}
