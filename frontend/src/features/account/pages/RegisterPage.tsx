// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function RegisterPage() {
  return <PageHeader title="Register" />
}
