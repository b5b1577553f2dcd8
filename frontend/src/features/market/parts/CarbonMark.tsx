// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Leaf } from 'lucide-react'
import { carbonWalletQuery } from '@/shared/carbon'
import { carbonParts, gramsOf } from '@/shared/format'
import { useUser } from '@/shared/session'
import { Skeleton } from '@/shared/ui'

/** The carbon counter: what one's trades are estimated to have avoided, pending and available. */
export function CarbonMark() {
  const user = useUser()
  const wallet = useQuery(carbonWalletQuery(user.id))
  if (wallet.isPending) return <Skeleton className="h-14 w-44 rounded-xl" />
  if (wallet.isError) return null
  const available = gramsOf(wallet.data.availableKg)
  const pending = gramsOf(wallet.data.pendingKg)
  const { value, unit } = carbonParts(available + pending)
  return (
    <Link to="/carbon" className="flex items-center gap-3 rounded-xl border border-line bg-surface px-4 py-2 hover:bg-hover">
      <Leaf className="size-5 text-carbon" aria-hidden />
      <span aria-live="polite">
        <span className="block font-semibold text-carbon tabular-nums" data-testid="carbon-counter">
          {value} {unit} CO₂e
        </span>
        <span className="block text-xs text-muted">
          avoided, estimate{pending > 0n ? ` · ${carbonParts(pending).value} ${carbonParts(pending).unit} pending` : ''}
        </span>
      </span>
    </Link>
  )
}
