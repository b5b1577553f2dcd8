// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { Leaf, ShieldCheck } from 'lucide-react'
import { formatCarbon, gramsOf } from '@/shared/format'
import { Badge, Hash, Stepper, type Step } from '@/shared/ui'
import { stepsOf, type Purchase } from '../logic/purchase'

const NOTES: Readonly<Partial<Record<ReturnType<typeof stepsOf>[number]['key'], string>>> = {
  signed: 'Your wallet shows the transaction',
  mined: 'Waiting for a block',
  confirmed: 'Waiting until the block is deep enough',
  verified: 'Recorded from the chain',
}

/** The steps of a purchase with what is happening now, what went wrong, and the mark that it is verified. */
export function PurchaseProgress({ purchase }: { purchase: Purchase }) {
  const steps: Step[] = stepsOf(purchase).map(({ key, label, state }) => ({ label, state, note: noteOf(purchase, key, state) }))
  return (
    <div className="space-y-4">
      <Stepper label="Progress of the purchase" steps={steps} />
      {purchase.txHash && (
        <p className="flex flex-wrap items-center gap-x-2 text-sm text-muted">
          Transaction <Hash value={purchase.txHash} href={purchase.explorerUrl} />
        </p>
      )}
      {purchase.stage === 'verified' && <Verified purchase={purchase} />}
    </div>
  )
}

function noteOf(purchase: Purchase, key: keyof typeof NOTES, state: Step['state']) {
  if (state === 'failed' && purchase.trouble) {
    return (
      <span role="alert">
        <span className="text-danger">{purchase.trouble.what}</span> {purchase.trouble.advice}
      </span>
    )
  }
  if (state !== 'active') return undefined
  if (purchase.stage === 'orphaned') return 'Its block lost its place; the transaction waits to be mined again'
  if (purchase.trouble) return `${purchase.trouble.what} ${purchase.trouble.advice}`
  if (purchase.txHash !== undefined && !purchase.isPosted) return 'The hash waits in this browser until the service takes it'
  return NOTES[key]
}

function Verified({ purchase }: { purchase: Purchase }) {
  const grams = purchase.carbonKg === undefined ? 0n : gramsOf(purchase.carbonKg)
  return (
    <div className="flex flex-wrap items-center gap-2 rounded-xl border border-success/40 bg-success/10 p-3 text-sm">
      <Badge tone="success">
        <ShieldCheck aria-hidden /> Blockchain verified
      </Badge>
      {grams > 0n && (
        <Badge tone="carbon">
          <Leaf aria-hidden /> +{formatCarbon(grams)} CO₂e avoided (estimate), pending delivery
        </Badge>
      )}
      {purchase.tradeId && (
        <Link to="/trades/$id" params={{ id: purchase.tradeId }} className="text-link underline">
          See the trade and its proof
        </Link>
      )}
    </div>
  )
}
