// SPDX-License-Identifier: Apache-2.0
/** Check a proof bundle in the browser: a file, or the proof of a recorded trade. No account, nothing is uploaded. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { checkBundle, loadBundle, readBundle, type Json, type Verdict } from '@/shared/proof'
import { needsOwnDocument } from '@/shared/routing'
import { CardSkeleton, PageHeader, PageSkeleton, ProblemNotice } from '@/shared/ui'
import { BundleDrop } from '../BundleDrop'
import { HowItWorks } from '../HowItWorks'
import { Result } from '../Result'

export interface Checked {
  name: string
  bundle: Json
  verdict: Verdict
}

const route = getRouteApi('/verify')

export function VerifyPage() {
  return needsOwnDocument() ? <PageSkeleton /> : <Verify />
}

function Verify() {
  const { trade } = route.useSearch()
  const navigate = route.useNavigate()
  const [file, setFile] = useState<Checked | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const loaded = useQuery({
    queryKey: ['proof', 'bundle', trade],
    queryFn: async (): Promise<Checked> => {
      const bundle = await loadBundle(trade ?? '')
      return { name: `trade ${trade ?? ''}`, bundle, verdict: await checkBundle(bundle) }
    },
    enabled: trade !== undefined && file === null,
    structuralSharing: false,
  })
  const read = async (given: File) => {
    setProblem(null)
    try {
      const bundle = readBundle(await given.text())
      setFile({ name: given.name, bundle, verdict: await checkBundle(bundle) })
      if (trade) void navigate({ search: {}, replace: true })
    } catch (error) {
      setFile(null)
      setProblem(error instanceof SyntaxError ? `${given.name} is no JSON file` : `${given.name}: ${(error as Error).message}`)
    }
  }
  const checked = file ?? (trade ? loaded.data : undefined)
  return (
    <>
      <PageHeader title="Verify a proof" description="Your browser checks every hash itself. Nothing is uploaded, and no account is needed." />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0 space-y-4">
          <BundleDrop onFile={(given) => void read(given)} problem={problem} isSmall={checked !== undefined} />
          {trade && !file && loaded.isPending && <CardSkeleton lines={5} />}
          {trade && !file && loaded.isError && <ProblemNotice error={loaded.error} onRetry={() => void loaded.refetch()} />}
          {checked && <Result key={checked.name} checked={checked} />}
        </div>
        <HowItWorks />
      </div>
    </>
  )
}
