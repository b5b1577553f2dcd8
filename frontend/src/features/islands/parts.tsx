// SPDX-License-Identifier: Apache-2.0
/** Pieces that the list of islands, the page of one, and the banner share. */
import { Siren, Sunrise, Timer } from 'lucide-react'
import { useNow } from '@/shared/clock'
import { Badge, cn } from '@/shared/ui'
import { coveredPercent, elapsedPart, formatLeft, stateAt } from './island'
import type { Island } from './queries'

/** The state by the clock of this device, anew every ten seconds. */
export function useIslandState(island: Island) {
  const now = useNow(10_000)
  return { state: stateAt(island, now), now }
}

export function StateBadge({ island }: { island: Island }) {
  const { state } = useIslandState(island)
  if (state === 'in_force') return <Badge tone="danger"><Siren aria-hidden /> In force</Badge>
  if (state === 'coming') return <Badge tone="warning"><Timer aria-hidden /> Coming</Badge>
  return <Badge><Sunrise aria-hidden /> Over</Badge>
}

/** Whether the chain was out of reach when it was last looked at. */
export const isChainAway = ({ chainLostAt, chainBackAt }: Island) =>
  chainLostAt !== null && (chainBackAt === null || Date.parse(chainBackAt) < Date.parse(chainLostAt))

/** How much time is over and left. */
export function TimeBar({ island }: { island: Island }) {
  const { now, state } = useIslandState(island)
  const left = Date.parse(island.endsAt) - now
  return (
    <div>
      <div className="h-2 overflow-hidden rounded-full bg-raised" role="img" aria-label={state === 'over' ? 'Over' : `${formatLeft(left)} left`}>
        <span className={cn('block h-full rounded-full', state === 'in_force' ? 'bg-danger' : 'bg-line-strong')} style={{ width: `${elapsedPart(island, Math.min(now, island.endedAt === null ? now : Date.parse(island.endedAt))) * 100}%` }} />
      </div>
      {state === 'in_force' && <p className="mt-1.5 text-sm text-muted tabular-nums">{formatLeft(left)} left</p>}
    </div>
  )
}

/** A share of a demand as a bar; full is green, less is amber. */
export function ShareBar({ shareWh, demandWh }: { shareWh: bigint; demandWh: bigint }) {
  if (demandWh === 0n) return <span className="text-xs text-muted">nothing was wanted</span>
  const percent = coveredPercent(shareWh, demandWh)
  return (
    <span className="flex items-center gap-2">
      <span aria-hidden className="h-2 min-w-16 flex-1 overflow-hidden rounded-full bg-raised">
        <span className={cn('block h-full rounded-full', percent >= 100 ? 'bg-success' : 'bg-warning')} style={{ width: `${Math.min(100, percent)}%` }} />
      </span>
      <span className="w-11 text-right text-xs tabular-nums">{percent} %</span>
    </span>
  )
}
