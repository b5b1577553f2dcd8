// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'

export function Brand({ to }: { to: '/' | '/dashboard' }) {
  return (
    <Link to={to} className="inline-flex min-h-11 items-center gap-2.5 rounded-lg text-lg font-bold tracking-tight" aria-label="GridX">
      <svg viewBox="0 0 32 32" className="size-8" aria-hidden>
        <rect x="1" y="1" width="30" height="30" rx="9" fill="var(--c-raised)" stroke="var(--c-primary)" strokeWidth="1.5" />
        <path d="M17.8 5.5 8.6 18h6.1l-1.5 8.5L22.9 13.6h-6.4z" fill="var(--c-primary)" />
      </svg>
      <span>
        Grid<span className="text-primary">X</span>
      </span>
    </Link>
  )
}
