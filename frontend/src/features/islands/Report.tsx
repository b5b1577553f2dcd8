// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery } from '@tanstack/react-query'
import { Download, ListOrdered } from 'lucide-react'
import { takeFile } from '@/shared/api'
import { energyParts, formatEnergy } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Badge, Button, Card, CardSkeleton, ProblemNotice, Stat, Table, Td, Th, toast } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import { coveredPercent } from './island'
import { ShareBar } from './parts'
import { houseNamesQuery, reportPath, reportQuery, type Island, type ReportSummary } from './queries'

/** Who got what over the whole island, and the files with which anybody computes it again. For operators. */
export function Report({ island, community }: { island: Island; community: Organization }) {
  const report = useQuery(reportQuery(island.id))
  const names = useQuery(houseNamesQuery(community.id))
  if (report.isPending) return <CardSkeleton lines={6} />
  if (report.isError) return <ProblemNotice error={report.error} onRetry={() => void report.refetch()} />
  return (
    <div className="space-y-4">
      <Card
        title="Report"
        description="All inputs, shares, their certificates of fairness and the queue are in the file."
        actions={<><Save island={island} format="json" /><Save island={island} format="csv" /></>}
      >
        <Sums summary={report.data} />
        <p className="mt-5 rounded-xl border border-line bg-raised p-3 font-mono text-xs break-all text-muted">gridx market island-report island-{island.id}.json</p>
        <p className="mt-1.5 text-xs text-muted">computes every share again from the file, without asking us.</p>
      </Card>
      <Card title="By house">
        <Table label="Shares by house">
          <thead><tr><Th>House</Th><Th num>Generated</Th><Th num>Wanted</Th><Th num>Got</Th><Th className="min-w-36">Covered</Th><Th num>Critical got</Th></tr></thead>
          <tbody>
            {report.data.houses.map((one) => (
              <tr key={one.house}>
                <Td className="font-medium">{names.data?.get(one.house) ?? `House …${one.house.slice(-4)}`}</Td>
                <Td num>{formatEnergy(BigInt(one.generationWh))}</Td>
                <Td num>{formatEnergy(BigInt(one.demandWh))}</Td>
                <Td num>{formatEnergy(BigInt(one.shareWh))}</Td>
                <Td><ShareBar shareWh={BigInt(one.shareWh)} demandWh={BigInt(one.demandWh)} /></Td>
                <Td num>{one.criticalWh > 0 ? `${coveredPercent(BigInt(one.criticalShareWh), BigInt(one.criticalWh))} %` : '–'}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      </Card>
    </div>
  )
}

function Sums({ summary }: { summary: ReportSummary }) {
  const total = (name: 'demandWh' | 'shareWh' | 'generationWh') => summary.houses.reduce((sum, one) => sum + BigInt(one[name]), 0n)
  const share = energyParts(total('shareWh'))
  const { logged, waiting, conflict } = summary.intents
  return (
    <>
      <div className="grid grid-cols-2 gap-5 lg:grid-cols-4">
        <Stat label="Intervals shared out" value={summary.intervals.toLocaleString('en')} />
        <Stat label="Generated" value={energyParts(total('generationWh')).value} unit={energyParts(total('generationWh')).unit} tone="sell" />
        <Stat label="Shared" value={share.value} unit={share.unit} tone="primary" />
        <Stat label="Of what was wanted" value={coveredPercent(total('shareWh'), total('demandWh'))} unit="%" />
      </div>
      <p className="mt-5 flex flex-wrap items-center gap-2 text-sm">
        <ListOrdered className="size-4 text-muted" aria-hidden />
        Matches: <Badge tone="success">{logged} on chain</Badge> <Badge tone="warning">{waiting} waiting</Badge> <Badge tone={conflict > 0 ? 'danger' : 'neutral'}>{conflict} in conflict</Badge>
        <span className="text-muted">{summary.loggedInOrder ? 'logged in their order' : 'NOT logged in their order'}</span>
      </p>
    </>
  )
}

function Save({ island, format }: { island: Island; format: 'json' | 'csv' }) {
  const load = useMutation({
    mutationFn: () => takeFile(reportPath(island.id, format)),
    onSuccess: (file) => saveFile(file, `island-${island.id}.${format}`),
    onError: (problem) => toast.problem(problem),
  })
  return <Button variant="secondary" size="sm" busy={load.isPending} onClick={() => load.mutate()}><Download aria-hidden /> {format.toUpperCase()}</Button>
}
