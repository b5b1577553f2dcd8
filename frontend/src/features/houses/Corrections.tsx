// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Schemas } from '@/shared/api'
import { formatDateTime } from '@/shared/format'
import { Card, CardSkeleton, Pagination, ProblemNotice, Table, Td, Th } from '@/shared/ui'
import { correctionsQuery, type Correction } from './queries'

const QUANTITIES = ['productionKwh', 'consumptionKwh', 'exportKwh', 'importKwh'] as const
const NAMES: Record<(typeof QUANTITIES)[number], string> = { productionKwh: 'production', consumptionKwh: 'consumption', exportKwh: 'export', importKwh: 'import' }
const WHO = { device: 'signed by the meter', operator: 'by the community', declared: 'declared' } as const

/** What readings said before they were corrected; nothing is shown while there is no correction. */
export function Corrections({ houseId, timeZone }: { houseId: string; timeZone: string }) {
  const [page, setPage] = useState(1)
  const corrections = useQuery(correctionsQuery(houseId, page))
  if (corrections.isPending) return <CardSkeleton lines={2} />
  if (corrections.isError) return <ProblemNotice error={corrections.error} onRetry={() => void corrections.refetch()} />
  if (corrections.data.total === 0) return null
  return (
    <Card title="Corrections" description="Readings that were replaced or attested better. The earlier values are kept.">
      <Table label="Corrections">
        <thead><tr><Th>Interval</Th><Th>Before</Th><Th>Now</Th><Th>Replaced</Th></tr></thead>
        <tbody>
          {corrections.data.items.map((one) => (
            <tr key={`${one.start}-${one.replacedAt}`}>
              <Td className="whitespace-nowrap">{formatDateTime(one.start, timeZone)}</Td>
              <Td><Said said={one.before} other={one.after} /></Td>
              <Td>{one.after ? <Said said={one.after} other={one.before} /> : '–'}</Td>
              <Td className="whitespace-nowrap text-muted">{formatDateTime(one.replacedAt)}</Td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Pagination page={page} limit={corrections.data.limit} total={corrections.data.total} onPage={setPage} />
    </Card>
  )
}

/** The quantities that differ, with who stood behind them. */
function Said({ said, other }: { said: Schemas['SaidOut']; other: Correction['after'] }) {
  const changed = QUANTITIES.filter((name) => said[name] !== other?.[name])
  return (
    <>
      {changed.map((name) => <span key={name} className="block tabular-nums">{said[name] ?? 'unknown'} kWh {NAMES[name]}</span>)}
      <span className="text-xs text-muted">{WHO[said.attestation]}</span>
    </>
  )
}
