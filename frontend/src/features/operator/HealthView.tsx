// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { CircleCheck, CircleX } from 'lucide-react'
import { useConfig } from '@/shared/config'
import { counted, formatAgo } from '@/shared/format'
import { Badge, Card, CardSkeleton, cn, EmptyState, Facts, Hash, ProblemNotice, Stat } from '@/shared/ui'
import { chainQuery, healthQuery, operationsQuery, type Operations } from './queries'
import { balanceState, coinText, gweiText, partWords } from './words'

/** Each part of the service, the queues, the follower and the relayers; asked for again every five seconds. */
export function HealthView() {
  return (
    <div className="space-y-4">
      <Parts />
      <Figures />
      <div className="grid gap-4 lg:grid-cols-2">
        <Follower />
        <Relayers />
      </div>
    </div>
  )
}

function Parts() {
  const health = useQuery(healthQuery)
  if (health.isPending) return <CardSkeleton lines={3} />
  if (health.isError) return <ProblemNotice error={health.error} onRetry={() => void health.refetch()} />
  const tone = { ok: 'success', degraded: 'warning', down: 'danger' } as const
  const said = { ok: 'Everything is well', degraded: 'Trading goes on, a part is away', down: 'A part that trading needs is down' }
  return (
    <Card title="Parts" actions={<Badge tone={tone[health.data.status]}>{said[health.data.status]}</Badge>}>
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {Object.entries(health.data.parts).map(([name, part]) => {
          const isWell = part.status === 'ok'
          const Sign = isWell ? CircleCheck : CircleX
          return (
            <li key={name} className={cn('flex gap-3 rounded-xl border p-3', isWell ? 'border-line bg-raised' : 'border-danger/50 bg-danger/5')}>
              <Sign className={cn('mt-0.5 size-5 shrink-0', isWell ? 'text-success' : 'text-danger')} aria-label={isWell ? 'well' : 'down'} />
              <div className="min-w-0 flex-1">
                <p className="flex justify-between gap-3 text-sm font-medium">
                  {partWords(name)} <span className="font-normal whitespace-nowrap text-muted tabular-nums">{part.latencyMs.toFixed(part.latencyMs < 10 ? 1 : 0)} ms</span>
                </p>
                {part.why && <p className="mt-1 text-xs break-words text-danger">{part.why}</p>}
              </div>
            </li>
          )
        })}
      </ul>
    </Card>
  )
}

function Figures() {
  const operations = useQuery(operationsQuery)
  if (operations.isPending) return <CardSkeleton lines={2} />
  if (operations.isError) return <ProblemNotice error={operations.error} onRetry={() => void operations.refetch()} />
  const { data } = operations
  return (
    <Card title="Queues and failures">
      <div className="grid grid-cols-2 gap-5 md:grid-cols-3 xl:grid-cols-6">
        <Stat label="Follower behind" value={data.lagBlocks?.toLocaleString('en') ?? '–'} unit={data.lagBlocks === 1 ? 'block' : 'blocks'} />
        <Stat label="Trades, last hour" value={data.tradesLastHour.toLocaleString('en')} />
        <Stat label="Failed, last day" value={data.failedSubmissions.toLocaleString('en')} tone={data.failedSubmissions > 0 ? 'danger' : undefined} />
        <Stat label="Events waiting" value={data.eventsWaiting.toLocaleString('en')} note="for the relay" />
        <Stat label="Jobs waiting" value={data.jobsWaiting?.toLocaleString('en') ?? '–'} note={data.jobsWaiting === null ? 'Redis does not answer' : 'for a worker'} />
        <Stat label="Gas price" value={data.gasPriceWei === null ? '–' : gweiText(data.gasPriceWei)} unit="gwei" />
      </div>
    </Card>
  )
}

const STATES = {
  following: { tone: 'success', words: 'Follows the chain' },
  waiting: { tone: 'warning', words: 'Waits' },
  halted: { tone: 'danger', words: 'Halted' },
  away: { tone: 'danger', words: 'Away' },
} as const

function Follower() {
  const chain = useQuery(chainQuery)
  if (chain.isPending) return <CardSkeleton lines={6} />
  if (chain.isError) return <ProblemNotice error={chain.error} onRetry={() => void chain.refetch()} />
  const { data } = chain
  const state = STATES[data.state]
  return (
    <Card title="Follower" actions={<Badge tone={state.tone}>{state.words}</Badge>}>
      {(data.haltedReason ?? data.note) && <p className="mb-4 text-sm break-words text-warning">{data.haltedReason ?? data.note}</p>}
      <Facts
        items={[
          ['Network', `${data.network} (${data.chainId})`],
          ['Newest block', data.headBlock.toLocaleString('en')],
          ['Recorded up to', `${data.indexedBlock.toLocaleString('en')} (${counted(data.lagBlocks, 'block')} behind)`],
          ['Final up to', data.finalBlock.toLocaleString('en')],
          ['Reorganisations followed', data.reorganisations.toLocaleString('en')],
          ['Logs that were rejected', data.rejectedLogs.toLocaleString('en')],
          ['History', `${data.historyCount.toLocaleString('en')} entries`],
          ['Contract', <Hash key="c" value={data.contractAddress} />],
          ['Last sign of life', data.seenAt ? formatAgo(data.seenAt) : 'never'],
        ]}
      />
    </Card>
  )
}

function Relayers() {
  const operations = useQuery(operationsQuery)
  if (!operations.data) return operations.isPending ? <CardSkeleton lines={6} /> : null
  const { relayers } = operations.data
  if (relayers.length === 0) return <EmptyState title="No relayer has run yet">It settles pairs of the order book on chain; without matches there is nothing to settle.</EmptyState>
  return <div className="space-y-4">{relayers.map((relayer) => <Relayer key={relayer.address} relayer={relayer} />)}</div>
}

function Relayer({ relayer }: { relayer: Operations['relayers'][number] }) {
  const symbol = useConfig().data?.nativeCurrency.symbol ?? ''
  const balance = balanceState(relayer.balanceWei, relayer.minBalanceWei)
  const colors = { good: 'text-success', low: 'text-warning', empty: 'text-danger' }
  return (
    <Card title="Relayer" actions={<Badge tone={relayer.stoppedCode ? 'danger' : 'success'}>{relayer.stoppedCode ? 'Stopped' : 'Sends'}</Badge>}>
      {relayer.stoppedReason && <p className="mb-4 text-sm break-words text-danger">{relayer.stoppedReason}</p>}
      <Facts
        items={[
          ['Account', <Hash key="a" value={relayer.address} />],
          ['Balance', <span key="b" className={cn('font-medium', colors[balance])}>{coinText(relayer.balanceWei)} {symbol}</span>],
          ['Stops below', `${coinText(relayer.minBalanceWei)} ${symbol}`],
          ['Pairs waiting', relayer.pairsWaiting.toLocaleString('en')],
          ['Pairs sent', relayer.pairsSent.toLocaleString('en')],
          ...(relayer.lastTx
            ? [['Last transaction', <span key="l" className="inline-flex flex-wrap items-center justify-end gap-2"><Badge>{relayer.lastState?.toLowerCase()}</Badge><Hash value={relayer.lastTx} /></span>] as const]
            : []),
          ['Last sign of life', formatAgo(relayer.seenAt)],
        ]}
      />
    </Card>
  )
}
