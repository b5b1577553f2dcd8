// SPDX-License-Identifier: Apache-2.0
import { CircleCheck, Info, TriangleAlert, X } from 'lucide-react'
import { useSyncExternalStore, type ReactNode } from 'react'
import { explain } from '@/shared/problems'
import { cn } from './cn'

interface Toast {
  id: number
  tone: 'success' | 'info' | 'danger'
  title: ReactNode
  text?: ReactNode
}

const SHOWN_MS = 6_000
const MOST = 4
let toasts: readonly Toast[] = []
let next = 1
const listeners = new Set<() => void>()

function set(list: readonly Toast[]): void {
  toasts = list
  for (const listener of listeners) listener()
}

const dismiss = (id: number) => set(toasts.filter((one) => one.id !== id))

function show(tone: Toast['tone'], title: ReactNode, text?: ReactNode): void {
  const id = next++
  set([...toasts, { id, tone, title, text }].slice(-MOST))
  if (tone !== 'danger') setTimeout(() => dismiss(id), SHOWN_MS)
}

/** Short notices at the edge of the screen. Failures stay until they are closed. */
export const toast = {
  success: (title: ReactNode, text?: ReactNode) => show('success', title, text),
  info: (title: ReactNode, text?: ReactNode) => show('info', title, text),
  problem: (error: unknown) => {
    const { title, advice } = explain(error)
    show('danger', title, advice)
  },
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
const SIGNS = { success: CircleCheck, info: Info, danger: TriangleAlert }
const COLORS = { success: 'text-success', info: 'text-info', danger: 'text-danger' }

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div role="status" aria-live="polite" className="pointer-events-none fixed inset-x-4 bottom-20 z-60 flex flex-col items-end gap-2 sm:bottom-6 lg:left-auto lg:w-96">
      {shown.map((one) => {
        const Sign = SIGNS[one.tone]
        return (
          <div key={one.id} className="pointer-events-auto flex w-full max-w-96 animate-enter gap-3 rounded-xl border border-line bg-raised p-4 shadow-card">
            <Sign className={cn('mt-0.5 size-5 shrink-0', COLORS[one.tone])} aria-hidden />
            <div className="min-w-0 flex-1 text-sm">
              <p className="font-medium break-words">{one.title}</p>
              {one.text && <p className="mt-0.5 break-words text-muted">{one.text}</p>}
            </div>
            <button type="button" onClick={() => dismiss(one.id)} className="grid size-6 place-items-center rounded text-muted hover:text-fg" aria-label="Dismiss">
              <X className="size-4" aria-hidden />
            </button>
          </div>
        )
      })}
    </div>
  )
}
