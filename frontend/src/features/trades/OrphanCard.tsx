// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Undo2 } from 'lucide-react'
import { formatDateTime } from '@/shared/format'
import { Badge, Card, Hash } from '@/shared/ui'
import { observationsQuery } from './queries'
import type { Trade } from './states'

/** Where the trade's transaction was seen, when one of its blocks lost: each block hash, and which one stands. */
export function OrphanCard({ trade }: { trade: Trade }) {
  const seen = useQuery(observationsQuery(trade.txHash))
  const logs = (seen.data?.logs ?? []).filter((log) => trade.tradeId === null || log.topics[1] === trade.tradeId)
  if (!logs.some((log) => log.orphanedAt)) return null
  return (
    <Card
      title={<span className="flex items-center gap-2"><Undo2 className="size-4 text-warning" aria-hidden /> The chain was reorganised</span>}
      description="Blocks can lose against others until they are final. Every block in which this trade was seen stays visible."
    >
      <ul className="divide-y divide-line/60 text-sm">
        {logs.map((log) => (
          <li key={log.blockHash} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1.5 py-3 first:pt-0 last:pb-0">
            <span className="flex flex-wrap items-center gap-2">
              Block <strong className="tabular-nums">{log.blockNumber}</strong>
              {log.orphanedAt ? <Badge tone="warning">lost {formatDateTime(log.orphanedAt)}</Badge> : <Badge tone="success">stands</Badge>}
            </span>
            <Hash value={log.blockHash} kept={8} />
          </li>
        ))}
      </ul>
    </Card>
  )
}
