// SPDX-License-Identifier: Apache-2.0
import { formatCarbon } from '@/shared/format'
import { isList, isObject, type Json } from '@/shared/proof'
import { Badge, Table, Td, Th } from '@/shared/ui'

const KINDS: Readonly<Record<string, string>> = {
  earned: 'Earned, pending until delivery',
  released: 'Delivered: available now',
  reduced: 'Not delivered: taken back',
  reversed: 'Block replaced: taken back',
}

/** The ledger's entries of a trade, as its checked bundle lists them. */
export function CarbonTransfers({ bundle }: { bundle: Json }) {
  const transfers = isObject(bundle) && isList(bundle.transfers) ? bundle.transfers.filter(isObject) : []
  if (transfers.length === 0) return null
  return (
    <div>
      <h3 className="mb-1 text-sm font-medium">Carbon entries</h3>
      <Table label="Carbon entries">
        <thead><tr><Th>Entry</Th><Th>Signed order</Th><Th num>Round</Th><Th num>CO₂e</Th></tr></thead>
        <tbody>
          {transfers.map((entry, place) => (
            <tr key={place}>
              <Td>{typeof entry.kind === 'string' ? (KINDS[entry.kind] ?? entry.kind) : '–'}</Td>
              <Td>{entry.document === null ? <span className="text-muted">–</span> : <Badge tone="violet">by the operator</Badge>}</Td>
              <Td num>{typeof entry.cycle === 'number' ? entry.cycle : '–'}</Td>
              <Td num className="text-carbon">{typeof entry.grams === 'string' ? formatCarbon(BigInt(entry.grams)) : '–'}</Td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  )
}
