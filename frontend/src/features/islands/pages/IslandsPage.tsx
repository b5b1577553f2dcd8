// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function IslandsPage() {
  return <PageHeader title="Disaster mode" description="How your community shares energy while the grid is away." />
}
