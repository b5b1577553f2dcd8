// SPDX-License-Identifier: Apache-2.0
import { ArrowDown, ArrowUp, ChevronLeft, ChevronRight } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { Button } from './button'
import { cn } from './cn'

/** A table that scrolls sideways within its card; `label` names it for screen readers. */
export function Table({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div role="region" aria-label={label} tabIndex={0} className="relative -mx-4 overflow-x-auto px-4 sm:-mx-5 sm:px-5">
      <table className={cn('w-full border-collapse text-sm', className)}>{children}</table>
    </div>
  )
}

interface ThProps extends Omit<ComponentProps<'th'>, 'onClick'> {
  /** Numbers stand at the right. */
  num?: boolean
  /** Makes the column sortable; which way it is sorted now, or null. */
  sorted?: 'asc' | 'desc' | null
  onSort?: () => void
}

export function Th({ num = false, sorted, onSort, className, children, ...rest }: ThProps) {
  const Arrow = sorted === 'asc' ? ArrowUp : ArrowDown
  return (
    <th
      {...rest}
      scope="col"
      aria-sort={onSort ? (sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : 'none') : undefined}
      className={cn('border-b border-line px-3 py-2.5 text-xs font-medium whitespace-nowrap text-muted first:pl-0 last:pr-0', num ? 'text-right' : 'text-left', className)}
    >
      {onSort ? (
        <button type="button" onClick={onSort} className={cn('inline-flex items-center gap-1 hover:text-fg', num && 'flex-row-reverse')}>
          {children}
          <Arrow className={cn('size-3.5', !sorted && 'opacity-0')} aria-hidden />
        </button>
      ) : (
        children
      )}
    </th>
  )
}

export function Td({ num = false, className, ...rest }: ComponentProps<'td'> & { num?: boolean }) {
  return <td {...rest} className={cn('border-b border-line/60 px-3 py-3 first:pl-0 last:pr-0', num && 'text-right tabular-nums whitespace-nowrap', className)} />
}

/** Pages of a list, as the API counts them (from 1). */
export function Pagination({ page, limit, total, onPage }: { page: number; limit: number; total: number; onPage: (page: number) => void }) {
  const pages = Math.max(1, Math.ceil(total / limit))
  if (pages === 1) return null
  return (
    <nav aria-label="Pages" className="mt-4 flex items-center justify-between gap-4 text-sm text-muted">
      <span className="tabular-nums">
        {(page - 1) * limit + 1}–{Math.min(page * limit, total)} of {total.toLocaleString('en')}
      </span>
      <span className="flex gap-2">
        <Button variant="secondary" size="sm" disabled={page <= 1} onClick={() => onPage(page - 1)} aria-label="Previous page">
          <ChevronLeft aria-hidden />
        </Button>
        <Button variant="secondary" size="sm" disabled={page >= pages} onClick={() => onPage(page + 1)} aria-label="Next page">
          <ChevronRight aria-hidden />
        </Button>
      </span>
    </nav>
  )
}
