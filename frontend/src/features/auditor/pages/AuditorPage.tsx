// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function AuditorPage() {
  return <PageHeader title="Audit" description="Rebuild everything from the chain and compare." />
}
