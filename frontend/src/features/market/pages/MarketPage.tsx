// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function MarketPage() {
  return <PageHeader title="Market" description="Offers and bids for each delivery interval." />
}
