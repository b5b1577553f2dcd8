// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function TradesPage() {
  return <PageHeader title="Trades" description="Your trades, each with its proof." />
}
