// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function HousePage() {
  return <PageHeader title="House" description="Production, consumption and readings of a house." />
}
