// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { GitFork } from 'lucide-react'
import { useState } from 'react'
import { formatDateTime, shortHex } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { Card, EmptyState, Hash, Pagination, ProblemNotice, Skeleton, Table, Td, Th } from '@/shared/ui'
import { orphansQuery } from './queries'

/** Trades whose block lost, with the block that lost and the one that stands there now. */
export function Orphans() {
  const [page, setPage] = useState(1)
  const orphans = useQuery(orphansQuery(page))
  useLiveInvalidation(['trades'], ['auditor', 'orphans'])
  return (
    <Card title="Orphaned trades" description="Trades whose block lost against another one. Nothing is hidden: both block hashes stay.">
      {orphans.isPending ? (
        <div role="status" aria-label="Loading" className="space-y-3"><Skeleton /><Skeleton /></div>
      ) : orphans.isError ? (
        <ProblemNotice error={orphans.error} onRetry={() => void orphans.refetch()} />
      ) : orphans.data.total === 0 ? (
        <EmptyState icon={GitFork} title="No trade has lost its block">When the chain reorganises, the trades that it moved are listed here.</EmptyState>
      ) : (
        <>
          <Table label="Orphaned trades">
            <thead><tr><Th>Trade</Th><Th num>Block</Th><Th>Block that lost</Th><Th>Block that stands</Th><Th>Logged again</Th><Th>Lost</Th></tr></thead>
            <tbody>
              {orphans.data.items.map((one) => (
                <tr key={`${one.blockHash} ${one.tradeId}`}>
                  <Td><Link to="/trades/$id" params={{ id: one.tradeId }} className="font-mono text-xs text-link underline-offset-4 hover:underline">{shortHex(one.tradeId, 6)}</Link></Td>
                  <Td num>{one.blockNumber.toLocaleString('en')}</Td>
                  <Td><Hash value={one.blockHash} className="text-warning" /></Td>
                  <Td>{one.canonicalHash ? <Hash value={one.canonicalHash} /> : '–'}</Td>
                  <Td>{one.presentNumber && one.presentHash ? <span className="inline-flex items-center gap-2 tabular-nums">{one.presentNumber.toLocaleString('en')} <Hash value={one.presentHash} /></span> : 'never'}</Td>
                  <Td className="whitespace-nowrap">{formatDateTime(one.orphanedAt)}</Td>
                </tr>
              ))}
            </tbody>
          </Table>
          <Pagination page={page} limit={orphans.data.limit} total={orphans.data.total} onPage={setPage} />
        </>
      )}
    </Card>
  )
}
