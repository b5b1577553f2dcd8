// SPDX-License-Identifier: Apache-2.0
/** The service worker (public/sw.js) keeps the app and the last answers; this part registers it and says how old what is shown is. */
import { useSyncExternalStore } from 'react'

let staleSince: string | null = null
const listeners = new Set<() => void>()

function setStale(since: string | null): void {
  if (since === staleSince) return
  staleSince = since
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** When the oldest answer in sight was loaded, if the server did not answer since; null when all is current. */
export const useStaleness = (): string | null => useSyncExternalStore(subscribe, () => staleSince)

/** Every answer passes here: one that the worker kept carries the time at which it was loaded. */
export function noteAnswer(response: Response): void {
  const at = response.headers.get('X-GridX-Kept-At')
  if (at === null) setStale(null)
  else if (staleSince === null || at < staleSince) setStale(at)
}

export function registerServiceWorker(): void {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return
  addEventListener('load', () => void navigator.serviceWorker.register('/sw.js').catch(() => undefined))
}
