// SPDX-License-Identifier: Apache-2.0
import { PageHeader } from '@/shared/ui'

export function VerifyPage() {
  return <PageHeader title="Verify a proof" description="Check a proof bundle in your own browser; nothing is uploaded." />
}
