// SPDX-License-Identifier: Apache-2.0
/** Purchases under way, kept in the browser: a reload or a closed tab loses no hash. All tabs see the same list. */
import { useSyncExternalStore } from 'react'
import { after, isEnded, type Happened, type Purchase } from '../logic/purchase'

export const KEPT = 'gridx.purchases'
const ENDED_KEPT_MS = 24 * 3_600_000
const MOST = 50

const listeners = new Set<() => void>()
let held: readonly Purchase[] | null = null

function read(): readonly Purchase[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '[]')
    return Array.isArray(stored) ? (stored as Purchase[]).filter(({ id, stage }) => id && stage) : []
  } catch {
    return []
  }
}

function write(next: readonly Purchase[]): void {
  held = next
  localStorage.setItem(KEPT, JSON.stringify(next))
  for (const listener of listeners) listener()
}

/** All purchases that this browser knows, the newest first. */
export function allPurchases(): readonly Purchase[] {
  held ??= read()
  return held
}

/** Take up a purchase that was reserved; what ended more than a day ago gives way. */
export function keep(purchase: Purchase, now = Date.now()): void {
  const rest = read().filter((one) => one.id !== purchase.id && !(isEnded(one) && now - Date.parse(one.startedAt) > ENDED_KEPT_MS))
  write([purchase, ...rest].slice(0, MOST))
}

/** Something happened to a purchase; returns it as it stands now. */
export function tell(id: string, happened: Happened): Purchase | undefined {
  const known = read() // another tab may have been quicker
  const next = known.map((one) => (one.id === id ? after(one, happened) : one))
  write(next)
  return next.find((one) => one.id === id)
}

/** Take an ended purchase off the list. */
export function forget(id: string): void {
  write(read().filter((one) => one.id !== id))
}

export function onPurchases(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

if (typeof window !== 'undefined') {
  window.addEventListener('storage', ({ key }) => {
    if (key !== KEPT) return
    held = null
    for (const listener of listeners) listener()
  })
}

/** The purchases of a user, the newest first. */
export function usePurchases(userId: string): readonly Purchase[] {
  const all = useSyncExternalStore(onPurchases, allPurchases)
  return all.filter((one) => one.userId === userId)
}

export function usePurchase(id: string): Purchase | undefined {
  return useSyncExternalStore(onPurchases, allPurchases).find((one) => one.id === id)
}
