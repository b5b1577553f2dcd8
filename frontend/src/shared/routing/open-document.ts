// SPDX-License-Identifier: Apache-2.0
/**
 * Pages that ask a node of the visitor's own need a wider Content-Security-Policy than the rest; the backend sends it
 * with these documents alone (backend/api/web.py).
 */
export const OPEN_PATHS = ['/verify', '/auditor']

const isOpen = (path: string) => OPEN_PATHS.some((open) => path === open || path.startsWith(`${open}/`))

/** Load the document anew when the app was entered by a page with the narrow policy. True while that happens. */
export function needsOwnDocument(): boolean {
  const [entry] = performance.getEntriesByType('navigation')
  const entered = entry ? new URL(entry.name).pathname : location.pathname
  if (isOpen(entered) || !isOpen(location.pathname)) return false
  location.reload()
  return true
}
