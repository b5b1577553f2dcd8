// SPDX-License-Identifier: Apache-2.0
import { Medal } from 'lucide-react'
import type { Schemas } from '@/shared/api'
import { carbonParts, gramsOf } from '@/shared/format'
import { Badge, cn } from '@/shared/ui'
import { HolderName } from './BoardTable'

const LOOKS = [
  { order: 'sm:order-2', frame: 'border-primary/60 shadow-glow sm:pt-8', medal: 'bg-primary text-on-primary' },
  { order: 'sm:order-1 sm:mt-6', frame: 'border-line', medal: 'bg-buy/15 text-buy' },
  { order: 'sm:order-3 sm:mt-6', frame: 'border-line', medal: 'bg-sell/15 text-sell' },
] as const

/** The first three, the first in the middle. The table below holds them too. */
export function Podium({ places }: { places: readonly Schemas['PlaceOut'][] }) {
  if (places.length < 3) return null
  return (
    <ol aria-label="First three" className="mb-4 grid gap-3 sm:grid-cols-3">
      {places.map((place, at) => {
        const look = LOOKS[at] ?? LOOKS[2]
        const { value, unit } = carbonParts(gramsOf(place.carbonKg))
        return (
          <li key={place.name} className={cn('flex items-center gap-4 rounded-2xl border bg-surface p-4 shadow-card sm:flex-col sm:p-5 sm:text-center', look.order, look.frame)}>
            <span className={cn('grid size-11 shrink-0 place-items-center rounded-full', look.medal)}>
              <Medal className="size-5" aria-hidden />
              <span className="sr-only">Place {place.rank}</span>
            </span>
            <span className="min-w-0 flex-1">
              <HolderName place={place} className="text-sm" />
              {place.isMe && <Badge tone="success" className="ml-2">You</Badge>}
            </span>
            <span className="text-xl font-bold text-carbon tabular-nums sm:text-2xl">
              {value} <span className="text-sm font-medium text-muted">{unit}</span>
            </span>
          </li>
        )
      })}
    </ol>
  )
}
