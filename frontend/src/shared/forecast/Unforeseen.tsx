// SPDX-License-Identifier: Apache-2.0
import { CloudSun } from 'lucide-react'
import { ApiProblem } from '@/shared/api'
import { EmptyState, ProblemNotice } from '@/shared/ui'

/** Why there is no forecast: too little is known yet (an empty state), or a failure that may pass. */
export function Unforeseen({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const isUnknown = error instanceof ApiProblem && error.status >= 400 && error.status < 500
  if (!isUnknown) return <ProblemNotice error={error} onRetry={onRetry} />
  return (
    <EmptyState icon={CloudSun} title="No forecast yet">
      {error.message}. Forecasts begin once a few days of readings are there.
    </EmptyState>
  )
}
