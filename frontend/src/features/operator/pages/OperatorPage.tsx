// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function OperatorPage() {
  return <PageHeader title="Operations" description="Health of each part, people and roles." />
}
