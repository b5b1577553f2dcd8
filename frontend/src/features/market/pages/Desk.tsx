// SPDX-License-Identifier: Apache-2.0
/** The parts of the market page that need a wallet, in a chunk of their own. */
import { WalletScope } from '@/shared/wallet'
import { isoOf } from '../live'
import { OrdersCard } from '../parts/OrdersCard'
import { PurchasesCard } from '../parts/PurchasesCard'
import { startOutbox } from '../purchases/outbox'
import type { Interval } from '../queries'
import { OffersCard } from '../ticket/OffersCard'
import { OrderTicket, type Ticket } from '../ticket/OrderTicket'
import type { Community } from '@/shared/session'

startOutbox()

export default function Desk({ part, community, interval, form, change }: Ticket & { part: 'ticket' | 'lists'; community: Community; interval: Interval }) {
  return (
    <WalletScope>
      {part === 'ticket' ? (
        <OrderTicket community={community} interval={interval} form={form} change={change} />
      ) : (
        <div className="space-y-4">
          <PurchasesCard community={community} />
          <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
            <OffersCard community={community} interval={isoOf(interval.start)} />
            <OrdersCard community={community} />
          </div>
        </div>
      )}
    </WalletScope>
  )
}
