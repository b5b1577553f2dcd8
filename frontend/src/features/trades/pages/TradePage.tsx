// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function TradePage() {
  return <PageHeader title="Trade" description="One trade, its confirmations and its proof." />
}
