// SPDX-License-Identifier: Apache-2.0
import { whenIdle } from '@/shared/idle'

/** Purchases that were under way when the page was left are seen through, whatever page is opened next. */
export function resumePurchases(): void {
  if (localStorage.getItem('gridx.purchases') === null) return
  void whenIdle(3_000)
    .then(() => import('@/features/market/purchases/outbox'))
    .then(({ startOutbox }) => startOutbox())
}
