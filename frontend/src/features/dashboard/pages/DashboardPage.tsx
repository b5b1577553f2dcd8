// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function DashboardPage() {
  return <PageHeader title="Dashboard" description="Your day: production, consumption, prices, carbon." />
}
