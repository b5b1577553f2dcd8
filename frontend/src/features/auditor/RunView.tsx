// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery } from '@tanstack/react-query'
import { CircleCheck, Download, TriangleAlert } from 'lucide-react'
import { takeFile } from '@/shared/api'
import { formatCarbon, formatDateTime, formatEnergy } from '@/shared/format'
import { Button, Card, CardSkeleton, cn, Facts, Hash, ProblemNotice, Stat, toast } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import { CommitmentCard } from './CommitmentCard'
import { Differences } from './Differences'
import { isUnfinished, runQuery, type Run } from './queries'
import { progressOf, runWords, type Report } from './report'

/** One audit: its progress while it runs, then what it found. */
export function RunView({ id }: { id: string }) {
  const found = useQuery(runQuery(id))
  if (found.isPending) return <CardSkeleton lines={6} />
  if (found.isError) return <ProblemNotice error={found.error} onRetry={() => void found.refetch()} />
  const { run } = found.data
  if (isUnfinished(run)) return <Progress run={run} />
  const report = found.data.report as Report | null
  if (report === null) return <Failed run={run} />
  return (
    <>
      <Verdict run={run} report={report} />
      {report.differences > 0 && <Differences report={report} />}
      <div className="grid gap-4 lg:grid-cols-2">
        <WhatWasRead report={report} />
        <CommitmentCard key={run.id} report={report} />
      </div>
    </>
  )
}

function Progress({ run }: { run: Run }) {
  const share = Math.round(progressOf(run) * 100)
  return (
    <Card title="The audit is running">
      <div
        role="progressbar" aria-label="Progress of the audit" aria-valuenow={share} aria-valuemin={0} aria-valuemax={100} aria-valuetext={runWords(run)}
        className="h-2.5 overflow-hidden rounded-full bg-raised"
      >
        <div className="h-full rounded-full bg-primary transition-[width] duration-500" style={{ width: `${Math.max(2, share)}%` }} />
      </div>
      <p className="mt-3 flex justify-between gap-4 text-sm text-muted"><span>{runWords(run)}</span><span className="tabular-nums">{share} %</span></p>
    </Card>
  )
}

function Failed({ run }: { run: Run }) {
  return (
    <Card title="This audit could not be done" description={`Asked for ${formatDateTime(run.requestedAt)}`}>
      <p className="text-sm break-words text-danger">{run.failure}</p>
      <p className="mt-2 text-sm text-muted">Nothing was compared. Start another one once the reason is gone.</p>
    </Card>
  )
}

function Verdict({ run, report }: { run: Run; report: Report }) {
  const isRight = report.differences === 0
  const Sign = isRight ? CircleCheck : TriangleAlert
  return (
    <section
      data-differences={report.differences}
      className={cn('rounded-2xl border p-4 sm:p-6', isRight ? 'border-success/50 bg-success/10' : 'border-danger/50 bg-danger/10')}
    >
      <div className="flex flex-wrap items-start justify-between gap-4">
        <div role="status">
          <h2 className={cn('flex items-center gap-2.5 text-xl font-semibold', isRight ? 'text-success' : 'text-danger')}>
            <Sign className="size-6 shrink-0" aria-hidden />
            {isRight ? '0 differences' : `${report.differences.toLocaleString('en')} ${report.differences === 1 ? 'difference' : 'differences'}`}
          </h2>
          <p className="mt-1.5 text-sm text-fg/90">
            The database {report.verdict}, as of block <span className="tabular-nums">{report.finalBlock.toLocaleString('en')}</span>. Finished {formatDateTime(report.finishedAt)}, took {report.seconds.toFixed(1)} s.
          </p>
        </div>
        <div className="flex gap-2">
          <Save run={run} kind="json" />
          <Save run={run} kind="csv" />
        </div>
      </div>
      <div className="mt-5 grid grid-cols-2 gap-5 md:grid-cols-4">
        <Stat label="Trades compared" value={report.trades.toLocaleString('en')} note={`${report.consentedTrades.toLocaleString('en')} with consent of both`} />
        <Stat label="Energy" value={formatEnergy(BigInt(report.energyWh))} />
        <Stat label="Carbon claimed" value={formatCarbon(BigInt(report.claimG))} tone="carbon" />
        <Stat label="Receipts cleared again" value={report.receiptsCleared.toLocaleString('en')} note={`${report.documents.toLocaleString('en')} signed documents`} />
      </div>
    </section>
  )
}

function Save({ run, kind }: { run: Run; kind: 'json' | 'csv' }) {
  const save = useMutation({
    mutationFn: () => takeFile(`/api/audit/runs/${run.id}/report`, { format: kind }),
    onSuccess: (file) => saveFile(file, `gridx-audit-${run.id}.${kind}`),
    onError: (error) => toast.problem(error),
  })
  return (
    <Button variant="secondary" size="sm" busy={save.isPending} onClick={() => save.mutate()}>
      <Download aria-hidden /> {kind.toUpperCase()}
    </Button>
  )
}

function WhatWasRead({ report }: { report: Report }) {
  return (
    <Card title="What was read">
      <Facts
        items={[
          ['Block', report.finalBlock.toLocaleString('en')],
          ['Its hash', <Hash key="h" value={report.finalHash} kept={6} />],
          ['Its age', `${report.finalAgeSeconds.toLocaleString('en')} s`],
          ['Every block header checked', report.everyHeaderChecked ? 'Yes' : 'Those with events'],
          ['Nodes that agree', (report.agreeingNodes.length + 1).toString()],
          ['Newer, not compared yet', report.notYetFinal.toLocaleString('en')],
          ['Earlier reports reproduced', report.earlierCheckpoints.toLocaleString('en')],
          ['Signs reductions', report.operator ? <Hash key="o" value={report.operator} /> : 'Nobody yet'],
          ['Contract', <Hash key="c" value={report.deployment.address} />],
        ]}
      />
    </Card>
  )
}
