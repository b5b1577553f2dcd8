// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { cn } from '@/shared/ui/cn'
import type { Place } from './navigation'

const STYLE =
  'flex min-h-11 items-center gap-3 rounded-lg px-3 text-sm font-medium text-muted hover:bg-hover hover:text-fg ' +
  'data-[status=active]:bg-primary/10 data-[status=active]:text-primary [&_svg]:size-5 [&_svg]:shrink-0'

export function NavLinks({ places, className, onFollow }: { places: readonly Place[]; className?: string; onFollow?: () => void }) {
  return (
    <ul className={cn('space-y-0.5', className)}>
      {places.map(({ to, label, icon: Sign, ownDocument }) => (
        <li key={to}>
          <Link to={to} reloadDocument={ownDocument ?? false} className={STYLE} onClick={onFollow}>
            <Sign aria-hidden />
            {label}
          </Link>
        </li>
      ))}
    </ul>
  )
}
