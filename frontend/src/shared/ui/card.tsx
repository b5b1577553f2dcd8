// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'
import { cn } from './cn'

interface CardProps {
  title?: ReactNode
  description?: ReactNode
  actions?: ReactNode
  className?: string
  bodyClassName?: string
  children?: ReactNode
  /** Level of the title's heading; 2 unless the card lies inside a section with its own heading. */
  level?: 2 | 3
}

/** A panel with an optional title line. */
export function Card({ title, description, actions, className, bodyClassName, children, level = 2 }: CardProps) {
  const Heading = level === 2 ? 'h2' : 'h3'
  return (
    <section className={cn('min-w-0 rounded-2xl border border-line bg-surface shadow-card', className)}>
      {(title !== undefined || actions !== undefined) && (
        <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-4 pt-4 sm:px-5">
          <div className="min-w-0 flex-1 basis-44">
            {title !== undefined && <Heading className="text-base font-semibold tracking-tight">{title}</Heading>}
            {description !== undefined && <p className="mt-0.5 text-sm text-muted">{description}</p>}
          </div>
          {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={cn('p-4 sm:p-5', bodyClassName)}>{children}</div>
    </section>
  )
}

/** One figure with its name: the number large and aligned, its unit small. */
export function Stat({ label, value, unit, note, tone, className }: {
  label: ReactNode; value: ReactNode; unit?: ReactNode; note?: ReactNode
  tone?: 'primary' | 'buy' | 'sell' | 'carbon' | 'danger'; className?: string
}) {
  const tones = { primary: 'text-primary', buy: 'text-buy', sell: 'text-sell', carbon: 'text-carbon', danger: 'text-danger' }
  return (
    <div className={cn('min-w-0', className)}>
      <p className="text-sm text-muted">{label}</p>
      <p className={cn('mt-1 flex flex-wrap items-baseline gap-x-1.5 font-semibold tabular-nums', tone && tones[tone])}>
        <span className="text-2xl leading-none tracking-tight">{value}</span>
        {unit !== undefined && <span className="text-sm font-medium text-muted">{unit}</span>}
      </p>
      {note !== undefined && <p className="mt-1.5 text-xs text-muted">{note}</p>}
    </div>
  )
}

/** Title of a page with what one can do there. */
export function PageHeader({ title, description, actions }: { title: ReactNode; description?: ReactNode; actions?: ReactNode }) {
  return (
    <header className="mb-6 flex flex-wrap items-end justify-between gap-4">
      <div className="min-w-0">
        <h1 className="text-2xl font-bold tracking-tight text-balance sm:text-3xl">{title}</h1>
        {description !== undefined && <p className="mt-1.5 max-w-2xl text-sm text-muted sm:text-base">{description}</p>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  )
}

/** Name and value pairs, one below the other. */
export function Facts({ items, className }: { items: readonly (readonly [ReactNode, ReactNode])[]; className?: string }) {
  return (
    <dl className={cn('grid grid-cols-[minmax(0,auto)_minmax(0,1fr)] weak:gap-x-6 gap-y-2.5 text-sm', className)}>
      {items.map(([name, value], place) => (
        <div key={place} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 text-right tabular-nums break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
