// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'
import { formatInterval, formatPrice, groupedText, microOf, whOf } from '@/shared/format'
import { useUser } from '@/shared/session'
import { Badge, Button, Card, type Tone } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { isEnded, type Purchase, type Stage } from '../logic/purchase'
import { forget, usePurchase, usePurchases } from '../purchases/store'
import { ResumeDialog } from '../ticket/BuyDialog'
import type { Community } from '@/shared/session'
import { PurchaseProgress } from './PurchaseProgress'

const STAGES: Readonly<Record<Stage, readonly [label: string, tone: Tone]>> = {
  reserved: ['reserved', 'warning'],
  asking: ['in your wallet', 'info'],
  sent: ['submitted', 'info'],
  mined: ['mined', 'info'],
  verified: ['verified', 'success'],
  orphaned: ['block lost', 'warning'],
  failed: ['failed', 'danger'],
}

/** Purchases that this browser has under way or has seen through today. */
export function PurchasesCard({ community }: { community: Community }) {
  const purchases = usePurchases(useUser().id)
  const [shown, setShown] = useState<string | null>(null)
  if (purchases.length === 0) return null
  return (
    <Card title="Your purchases" description="Kept in this browser until they are verified">
      <ul className="divide-y divide-line/60">
        {purchases.map((purchase) => (
          <PurchaseRow key={purchase.id} purchase={purchase} community={community} onShow={() => setShown(purchase.id)} />
        ))}
      </ul>
      {shown && <ShownPurchase id={shown} community={community} onClose={() => setShown(null)} />}
    </Card>
  )
}

function PurchaseRow({ purchase, community, onShow }: { purchase: Purchase; community: Community; onShow: () => void }) {
  const [label, tone] = STAGES[purchase.stage]
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-2.5 text-sm first:pt-0 last:pb-0">
      <span className="min-w-0 tabular-nums">
        <span className="block font-medium">
          {groupedText(whOf(purchase.energyKwh), 3, 3)} kWh at {formatPrice(microOf(purchase.pricePerKwh), community.currency)}
        </span>
        <span className="text-muted">Delivery {formatInterval(purchase.deliveryStart, community.minutes)}</span>
      </span>
      <span className="flex items-center gap-2">
        <Badge tone={tone}>{label}</Badge>
        <Button size="sm" variant="secondary" onClick={onShow}>
          {purchase.stage === 'reserved' ? 'Continue' : 'Show'}
        </Button>
        {isEnded(purchase) && (
          <Button size="sm" variant="ghost" onClick={() => forget(purchase.id)} aria-label="Take off the list">
            Hide
          </Button>
        )}
      </span>
    </li>
  )
}

function ShownPurchase({ id, community, onClose }: { id: string; community: Community; onClose: () => void }) {
  const purchase = usePurchase(id)
  if (purchase === undefined) return null
  if (purchase.txHash === undefined && !isEnded(purchase)) return <ResumeDialog purchase={purchase} community={community} onClose={onClose} />
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Your purchase" description={`Delivery ${formatInterval(purchase.deliveryStart, community.minutes)}`}>
      <PurchaseProgress purchase={purchase} />
    </Dialog>
  )
}
