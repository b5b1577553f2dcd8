// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { ButtonLink } from '@/shared/ui/button'
import { PUBLIC } from './navigation'

export function PublicBar() {
  return (
    <>
      <nav aria-label="Main" className="hidden items-center gap-1 sm:flex">
        {PUBLIC.map(({ to, label, ownDocument }) => (
          <Link key={to} to={to} reloadDocument={ownDocument ?? false} className="rounded-lg px-3 py-2.5 text-sm font-medium text-muted hover:text-fg data-[status=active]:text-primary">
            {label}
          </Link>
        ))}
      </nav>
      <ButtonLink to="/sign-in" size="sm">
        Sign in
      </ButtonLink>
    </>
  )
}
