// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'

/** The frame of the pages before the door: one card in the middle. */
export function Gate({ title, description, children, footer }: { title: string; description: string; children: ReactNode; footer: ReactNode }) {
  return (
    <div className="mx-auto w-full max-w-md py-4 sm:py-10">
      <section className="rounded-2xl border border-line bg-surface p-5 shadow-card sm:p-8">
        <h1 className="text-2xl font-bold tracking-tight">{title}</h1>
        <p className="mt-1.5 mb-6 text-sm text-muted">{description}</p>
        {children}
      </section>
      <p className="mt-5 text-center text-sm text-muted">{footer}</p>
    </div>
  )
}

export function Or() {
  return (
    <div className="my-6 flex items-center gap-3 text-xs text-muted" aria-hidden>
      <span className="h-px flex-1 bg-line" />
      or by e-mail
      <span className="h-px flex-1 bg-line" />
    </div>
  )
}
