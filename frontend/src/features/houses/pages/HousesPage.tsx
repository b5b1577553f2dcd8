// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function HousesPage() {
  return <PageHeader title="Houses" description="Your houses, meters and readings." />
}
