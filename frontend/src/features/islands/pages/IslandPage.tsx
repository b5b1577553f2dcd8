// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function IslandPage() {
  return <PageHeader title="Island" description="State, shares and report of an island." />
}
