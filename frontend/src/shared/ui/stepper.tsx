// SPDX-License-Identifier: Apache-2.0
import { Check, LoaderCircle, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from './cn'

export interface Step {
  label: ReactNode
  /** What is happening or went wrong, in words. */
  note?: ReactNode
  state: 'waiting' | 'active' | 'done' | 'failed'
}

const WORDS = { waiting: 'not yet', active: 'under way', done: 'done', failed: 'failed' }

/** Steps one after the other, each with its state: signed → submitted → mined → confirmed. Changes are announced. */
export function Stepper({ steps, label }: { steps: readonly Step[]; label: string }) {
  return (
    <ol aria-label={label} aria-live="polite" className="space-y-0">
      {steps.map((step, place) => (
        <li key={place} className="relative flex gap-3 pb-5 last:pb-0">
          {place < steps.length - 1 && (
            <span aria-hidden className={cn('absolute top-7 bottom-0 left-[13px] w-0.5', step.state === 'done' ? 'bg-primary' : 'bg-line')} />
          )}
          <span
            className={cn(
              'z-10 grid size-7 shrink-0 place-items-center rounded-full border-2 text-xs font-semibold',
              step.state === 'done' && 'border-primary bg-primary text-on-primary',
              step.state === 'active' && 'border-primary text-primary',
              step.state === 'failed' && 'border-danger text-danger',
              step.state === 'waiting' && 'border-line-strong text-muted',
            )}
          >
            {step.state === 'done' ? <Check className="size-4" aria-hidden /> : step.state === 'failed' ? <X className="size-4" aria-hidden /> : step.state === 'active' ? <LoaderCircle className="size-4 animate-spin" aria-hidden /> : <span aria-hidden>{place + 1}</span>}
          </span>
          <div className="min-w-0 pt-0.5">
            <p className={cn('text-sm font-medium', step.state === 'waiting' && 'text-muted')}>
              {step.label}
              <span className="sr-only">: {WORDS[step.state]}</span>
            </p>
            {step.note && <div className="mt-0.5 text-sm break-words text-muted">{step.note}</div>}
          </div>
        </li>
      ))}
    </ol>
  )
}
