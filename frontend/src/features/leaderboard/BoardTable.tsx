// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { ArrowDown, ArrowUp, Sparkles } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { Schemas } from '@/shared/api'
import { formatCarbon, gramsOf } from '@/shared/format'
import { Badge, cn, Table, Td, Th } from '@/shared/ui'
import { movesSince, shareOfBest, type Move, type Place } from './board'

const MOVE_SHOWN_MS = 8_000

interface Seen {
  page: number
  places: readonly Place[]
  moves: Map<string, Move>
}

/** The lines of a page. When a live event brings other places, the lines that moved say so for a moment. */
export function BoardTable({ places, page }: { places: readonly Schemas['PlaceOut'][]; page: number }) {
  const [seen, setSeen] = useState<Seen>({ page, places, moves: new Map() })
  if (seen.places !== places || seen.page !== page) {
    setSeen({ page, places, moves: movesSince(seen.page === page ? seen.places : undefined, places) })
  }
  const moved = [...seen.moves.values()].some(({ kind }) => kind !== 'same')
  useEffect(() => {
    if (!moved) return
    const timer = setTimeout(() => setSeen((now) => ({ ...now, moves: new Map() })), MOVE_SHOWN_MS)
    return () => clearTimeout(timer)
  }, [moved, places])
  const best = places[0]
  return (
    <Table label="Leaderboard">
      <thead>
        <tr>
          <Th num className="w-14">Rank</Th>
          <Th>Name</Th>
          <Th className="hidden w-2/5 sm:table-cell"><span className="sr-only">Share of the first on this page</span></Th>
          <Th num>CO₂e avoided</Th>
        </tr>
      </thead>
      <tbody>
        {places.map((place) => (
          <tr key={place.name} className={cn('transition-colors duration-700', isMove(seen.moves.get(place.name)) ? 'bg-carbon/10' : place.isMe && 'bg-primary/8')}>
            <Td num className="font-semibold text-muted">{place.rank}</Td>
            <Td>
              <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <HolderName place={place} />
                {place.isMe && <Badge tone="success">You</Badge>}
                <Moved move={seen.moves.get(place.name)} />
              </span>
            </Td>
            <Td className="hidden sm:table-cell">
              <span aria-hidden className="block h-1.5 overflow-hidden rounded-full bg-raised">
                <span className="block h-full rounded-full bg-carbon transition-[width] duration-700" style={{ width: `${Math.max(1, shareOfBest(place, best) * 100)}%` }} />
              </span>
            </Td>
            <Td num className="font-semibold text-carbon">{formatCarbon(gramsOf(place.carbonKg))}</Td>
          </tr>
        ))}
      </tbody>
    </Table>
  )
}

/** A chosen name leads to the trades behind the line; an alias leads nowhere. */
export function HolderName({ place, className }: { place: Place; className?: string }) {
  if (!place.userId) return <span className={cn('break-words', className)}>{place.name}</span>
  return (
    <Link to="/leaderboard/$userId" params={{ userId: place.userId }} className={cn('font-medium break-words text-link underline-offset-4 hover:underline', className)}>
      {place.name}
    </Link>
  )
}

const isMove = (move: Move | undefined) => move !== undefined && move.kind !== 'same'

function Moved({ move }: { move: Move | undefined }) {
  if (move === undefined || move.kind === 'same') return null
  if (move.kind === 'new') return <Badge tone="carbon"><Sparkles aria-hidden /> New</Badge>
  const Sign = move.kind === 'up' ? ArrowUp : ArrowDown
  return (
    <Badge tone={move.kind === 'up' ? 'carbon' : 'neutral'}>
      <Sign aria-label={move.kind === 'up' ? 'up by' : 'down by'} /> {move.by}
    </Badge>
  )
}
