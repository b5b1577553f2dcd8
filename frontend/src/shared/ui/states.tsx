// SPDX-License-Identifier: Apache-2.0
/** The four faces of a screen besides its content: waiting, failed, empty. */
import { CloudOff, TriangleAlert, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { explain } from '@/shared/problems'
import { Button } from './button'
import { cn } from './cn'

export function Skeleton({ className }: { className?: string }) {
  return (
    <div
      aria-hidden
      className={cn('weak:h-4 animate-shimmer weak:rounded-md bg-hover', className)}
    />
  )
}

/** A card that waits for its data. `height` keeps the page from jumping when they come. */
export function CardSkeleton({ lines = 3, className }: { lines?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={cn('rounded-2xl border border-line bg-surface p-5 shadow-card', className)}>
      <Skeleton className="mb-5 h-5 w-1/3" />
      <div className="space-y-3">
        {Array.from({ length: lines }, (_, place) => (
          <Skeleton key={place} className={place === lines - 1 ? 'w-2/3' : 'w-full'} />
        ))}
      </div>
    </div>
  )
}

export function PageSkeleton() {
  return (
    <div>
      <Skeleton className="mb-6 h-9 w-56" />
      <div className="grid gap-4 lg:grid-cols-2">
        <CardSkeleton lines={5} />
        <CardSkeleton lines={5} />
      </div>
    </div>
  )
}

/** What failed, in words, what to do about it, and a button to try again. */
export function ProblemNotice({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  const { title, advice, reference, isAway } = explain(error)
  const Sign = isAway ? CloudOff : TriangleAlert
  return (
    <div role="alert" className={cn('flex flex-wrap items-start gap-x-4 gap-y-3 rounded-2xl border border-danger/40 bg-danger/5 p-4', className)}>
      <Sign className="mt-0.5 size-5 shrink-0 text-danger" aria-hidden />
      <div className="min-w-0 flex-1 basis-52">
        <p className="font-medium">{title}</p>
        {advice && <p className="mt-1 text-sm text-muted">{advice}</p>}
        {reference && <p className="mt-1 font-mono text-xs break-all text-muted">{reference}</p>}
      </div>
      {onRetry && (
        <Button variant="secondary" size="sm" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** Nothing here yet: what will stand here, and how to make it so. */
export function EmptyState({ icon: Sign, title, children, action, className }: {
  icon?: LucideIcon; title: ReactNode; children?: ReactNode; action?: ReactNode; className?: string
}) {
  return (
    <div className={cn('flex flex-col items-center justify-center rounded-2xl border border-dashed border-line-strong/50 px-6 py-10 text-center', className)}>
      {Sign && (
        <span className="mb-4 grid size-12 place-items-center rounded-2xl bg-raised text-primary">
          <Sign className="size-6" aria-hidden />
        </span>
      )}
      <p className="font-semibold">{title}</p>
      {children && <div className="mt-1.5 max-w-md text-sm text-muted">{children}</div>}
      {action && <div className="mt-5 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  )
}
