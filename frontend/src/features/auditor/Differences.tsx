// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Card, Hash, Pagination, Select, Table, Td, Th } from '@/shared/ui'
import { codeWords, valueWords, type Difference, type Report } from './report'

const ON_A_PAGE = 25

/** Each difference: what it is about, which field, what the chain says and what is recorded. */
export function Differences({ report }: { report: Report }) {
  const [code, setCode] = useState('')
  const [page, setPage] = useState(1)
  const wanted = report.listedDifferences.filter((one) => code === '' || one.code === code)
  const shown = wanted.slice((page - 1) * ON_A_PAGE, page * ON_A_PAGE)
  return (
    <Card
      title="Differences"
      description={report.listedDifferences.length < report.differences ? `The first ${report.listedDifferences.length.toLocaleString('en')} are listed.` : undefined}
      actions={
        <Select
          aria-label="Kind of difference" className="w-64" value={code}
          onChange={({ target }) => {
            setCode(target.value)
            setPage(1)
          }}
        >
          <option value="">All kinds</option>
          {Object.entries(report.differencesByCode).map(([name, count]) => <option key={name} value={name}>{codeWords(name)} ({count})</option>)}
        </Select>
      }
    >
      <Table label="Differences">
        <thead><tr><Th>What</Th><Th>About</Th><Th>Field</Th><Th>Chain and documents say</Th><Th>Recorded</Th></tr></thead>
        <tbody>
          {shown.map((one, place) => (
            <tr key={place}>
              <Td>
                <span className="block font-medium text-danger">{codeWords(one.code)}</span>
                <span className="block font-mono text-xs text-muted">{one.code}</span>
                {one.note && <span className="mt-1 block text-xs text-muted">{one.note}</span>}
              </Td>
              <Td><Subject difference={one} /></Td>
              <Td className="font-mono text-xs">{one.field || '–'}</Td>
              <Td className="max-w-56 break-all tabular-nums">{valueWords(one.expected)}</Td>
              <Td className="max-w-56 font-medium break-all text-danger tabular-nums">{valueWords(one.found)}</Td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Pagination page={page} limit={ON_A_PAGE} total={wanted.length} onPage={setPage} />
    </Card>
  )
}

function Subject({ difference: { code, subject } }: { difference: Difference }) {
  if (!/^0x[0-9a-f]+$/.test(subject)) return <>{subject}</>
  if (!code.startsWith('trade.') || subject.length !== 66) return <Hash value={subject} />
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      <Hash value={subject} />
      <Link to="/trades/$id" params={{ id: subject }} className="text-link underline underline-offset-4">Trade</Link>
    </span>
  )
}
