// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from 'react'
import { groupedText, intervalParts, microOf } from '@/shared/format'
import { cn } from '@/shared/ui'
import { isoOf } from '../live'
import type { Interval } from '../queries'

const STATES: Readonly<Record<Interval['state'], { label: string; dot: string }>> = {
  waiting: { label: 'opens later', dot: 'bg-line-strong' },
  open: { label: 'open', dot: 'bg-success' },
  closed: { label: 'closed', dot: 'bg-warning' },
  delivered: { label: 'delivered', dot: 'bg-info' },
  settled: { label: 'settled', dot: 'bg-violet' },
}

/** The delivery intervals of the day, one of them chosen; arrow keys move between them. */
export function IntervalPicker({ intervals, minutes, value, onChange }: {
  intervals: readonly Interval[]; minutes: number; value: string; onChange: (start: string) => void
}) {
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // In the next frame: asked for its places at once, the browser would lay out the whole page twice.
    const frame = requestAnimationFrame(() => {
      const box = list.current
      const chosen = box?.querySelector<HTMLElement>('[data-chosen="true"]')
      if (box && chosen) box.scrollTo({ left: chosen.offsetLeft - box.clientWidth / 2 + chosen.clientWidth / 2 })
    })
    return () => cancelAnimationFrame(frame)
  }, [value])
  return (
    <div
      ref={list}
      role="radiogroup"
      aria-label="Delivery interval"
      className="relative -mx-4 flex snap-x gap-2 overflow-x-auto px-4 pb-2 sm:mx-0 sm:px-0"
    >
      {intervals.map((interval) => {
        const start = isoOf(interval.start)
        const { label, dot } = STATES[interval.state]
        const price = interval.lastPricePerKwh
        const { day, hours } = intervalParts(start, minutes)
        return (
          <label
            key={start}
            data-chosen={start === value}
            className={cn(
              'relative w-38 shrink-0 cursor-pointer snap-center rounded-xl border border-line bg-surface px-3 py-2 select-none hover:bg-hover',
              '[contain-intrinsic-size:auto_2.5rem] [content-visibility:auto]', // a day has a hundred of them, a phone shows three
              'has-checked:border-primary has-checked:bg-primary/10 has-focus-visible:outline-2 has-focus-visible:outline-primary',
            )}
          >
            <input
              type="radio"
              name="interval"
              value={start}
              checked={start === value}
              onChange={() => onChange(start)}
              className="absolute inset-0 cursor-pointer opacity-0"
            />
            <span className="flex items-baseline justify-between gap-2 whitespace-nowrap tabular-nums">
              <span className="text-sm font-semibold">{hours}</span>
              {day !== null && <span className="text-xs text-muted">{day}</span>}
            </span>
            <span className="mt-1 flex items-center justify-between gap-2 text-xs text-muted">
              <span className="flex items-center gap-1.5">
                <span aria-hidden className={cn('size-1.5 rounded-full', dot)} />
                {label}
              </span>
              <span className="tabular-nums">{price === null ? '–' : groupedText(microOf(price), 6, 3)}</span>
            </span>
          </label>
        )
      })}
    </div>
  )
}
