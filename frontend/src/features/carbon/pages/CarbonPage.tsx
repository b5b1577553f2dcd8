// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function CarbonPage() {
  return <PageHeader title="Carbon wallet" description="Avoided-emission estimates that you hold." />
}
