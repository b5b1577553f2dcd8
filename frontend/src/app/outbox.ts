// SPDX-License-Identifier: Apache-2.0
/** Purchases that were under way when the page was left are seen through, whatever page is opened next. */
export function resumePurchases(): void {
  if (localStorage.getItem('gridx.purchases') === null) return
  const begin = () => void import('@/features/market/purchases/outbox').then(({ startOutbox }) => startOutbox())
  if ('requestIdleCallback' in globalThis) requestIdleCallback(begin, { timeout: 3_000 })
  else setTimeout(begin, 1_000)
}
