// SPDX-License-Identifier: Apache-2.0
import { BadgeCheck, CircleX, Clock3, Undo2, UserRound } from 'lucide-react'
import { Badge } from '@/shared/ui'
import { badgeOf, type Trade } from './states'

const SIGNS = { pending: Clock3, failed: CircleX, orphaned: Undo2, confirmed: BadgeCheck, final: BadgeCheck }

/** Where a trade stands, in two words. */
export function TradeBadge({ trade }: { trade: Trade }) {
  const { tone, words } = badgeOf(trade)
  const isOneSided = !trade.consented && (trade.status === 'confirmed' || trade.status === 'final')
  const Sign = isOneSided ? UserRound : SIGNS[trade.status]
  return <Badge tone={tone}><Sign aria-hidden /> {words}</Badge>
}
