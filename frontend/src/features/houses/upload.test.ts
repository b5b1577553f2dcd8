// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { ApiProblem } from '@/shared/api/problem'
import { NOTHING, outcomeOf, partsOf, problemsCsv, withPart } from './upload'

const row = (line: number) => ({ line, field: 'start', value: 'x', code: 'row.time', message: 'm' })

describe('partsOf', () => {
  it('repeats the header and remembers where lines stood', () => {
    const parts = partsOf('\uFEFFstart,productionKwh\r\na,1\r\n\r\nb,2\r\nc,3', 2)

    expect(parts).toEqual([
      { text: 'start,productionKwh\na,1\nb,2\n', lines: [2, 4] },
      { text: 'start,productionKwh\nc,3\n', lines: [5] },
    ])
  })

  it('of a file without rows are none', () => {
    expect(partsOf('start,productionKwh\n\n')).toEqual([])
  })
})

describe('withPart', () => {
  it('adds counts and puts lines back to where they stood in the file', () => {
    const part = { text: '', lines: [2, 4, 9] }
    const sum = withPart({ ...NOTHING, received: 5, refused: 1, rows: [row(3)] }, { ...NOTHING, received: 3, recorded: 2, refused: 1, rows: [row(4)] }, part)

    expect(sum).toMatchObject({ received: 8, recorded: 2, refused: 2 })
    expect(sum.rows.map(({ line }) => line)).toEqual([3, 9])
  })
})

describe('outcomeOf', () => {
  it('finds the outcome inside a refusal of all rows', () => {
    const refused = new ApiProblem(422, 'sites.readings_refused', '', { received: 1, refused: 1, rows: [row(2)] })

    expect(outcomeOf(refused)).toMatchObject({ received: 1, recorded: 0, refused: 1 })
    expect(outcomeOf(new ApiProblem(503, 'database.unavailable', ''))).toBeNull()
    expect(outcomeOf(new Error('other'))).toBeNull()
  })
})

describe('problemsCsv', () => {
  it('quotes what would break a line or be run as a formula', () => {
    expect(problemsCsv([{ ...row(2), value: '=1+1,"x"' }])).toBe('line,field,value,code,message\n2,start,"\'=1+1,""x""",row.time,m\n')
  })
})
