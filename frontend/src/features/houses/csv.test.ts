// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { checkCsv, kwhToWh, productionLimitWh, readHeader, splitLine, template } from './csv'

const HOUSE = { capacityW: 5_000n, readingMinutes: 15 }
const NOW = Date.parse('2026-06-02T00:00:00Z')

function rowsOf(...rows: string[]) {
  return checkCsv(['start,productionKwh,consumptionKwh', ...rows].join('\r\n'), HOUSE, NOW)
}

describe('readHeader', () => {
  it('takes names in any case, with underscores, quoted and behind a byte order mark', () => {
    const { columns, problem } = readHeader('\uFEFFSTART,"production_kwh",Import_Kwh')

    expect(problem).toBeNull()
    expect(columns).toEqual(['start', 'productionKwh', 'importKwh'])
  })

  it('names what is unknown, twice there and missing', () => {
    const { problem } = readHeader('productionKwh,productionKwh,solar')

    expect(problem).toEqual({ unknown: ['solar'], repeated: ['productionKwh'], missing: ['start'] })
  })
})

describe('checkCsv', () => {
  it('counts good rows and says what they cover', () => {
    const check = rowsOf('2026-06-01T12:00:00Z,0.5,0.25', '2026-06-01T05:15:00-07:00,0,', '')

    expect([check.rows, check.good, check.bad]).toEqual([2, 2, 0])
    expect(check.from).toBe(Date.parse('2026-06-01T12:00:00Z'))
    expect(check.to).toBe(Date.parse('2026-06-01T12:30:00Z'))
  })

  it.each([
    ['12.6.2026 12:00,1,1', 'start', 'ISO 8601'],
    ['2026-06-01T12:00:00,1,1', 'start', 'offset'],
    ['2026-06-01T12:07:00Z,1,1', 'start', 'grid'],
    ['2026-06-01T23:59:00Z,1,1', 'start', 'grid'],
    ['2026-06-02T00:00:00Z,1,1', 'start', 'not over'],
    ['2026-06-01T12:00:00Z,-1,1', 'productionKwh', 'never negative'],
    ['2026-06-01T12:00:00Z,0.1234,', 'productionKwh', 'three decimals'],
    ['2026-06-01T12:00:00Z,"0,5",', 'productionKwh', 'with a point'],
    ['2026-06-01T12:00:00Z,1.564,', 'productionKwh', 'panels'],
    ['2026-06-01T12:00:00Z,,', 'productionKwh', 'at least one'],
    ['2026-06-01T12:00:00Z,1', '', 'cells'],
    ['2026-06-01T12:00:00Z,"1,1', '', 'quote'],
  ])('refuses %s', (row, field, message) => {
    const check = rowsOf('2026-06-01T11:45:00Z,1.562,', row)

    expect([check.good, check.bad]).toEqual([1, 1])
    expect(check.problems).toHaveLength(1)
    expect(check.problems[0]).toMatchObject({ line: 3, field })
    expect(check.problems[0]?.message).toContain(message)
  })

  it('leaves grid and capacity of rows that name another house to the service', () => {
    const check = checkCsv('houseId,start,productionKwh\nx,2026-06-01T12:05:00Z,900\n', HOUSE, NOW)

    expect([check.good, check.bad]).toEqual([1, 0])
  })

  it('checks no row under a wrong header', () => {
    const check = checkCsv('a,b\n1,2\n', HOUSE, NOW)

    expect([check.rows, check.header?.missing.length]).toEqual([0, 2])
  })

  it('lists the first problems and counts all', () => {
    const check = rowsOf(...Array.from({ length: 500 }, () => 'never,1,1'))

    expect([check.bad, check.problems.length]).toEqual([500, 200])
  })
})

describe('units', () => {
  it('reads kWh exactly', () => {
    expect([kwhToWh('0.001'), kwhToWh('12'), kwhToWh('1.5000'), kwhToWh('1e3')]).toEqual([1n, 12_000n, 1_500n, null])
  })

  it('rounds the limit of production up, as the service does', () => {
    expect(productionLimitWh(5_000n, 15)).toBe(1_563n)
  })

  it('keeps commas and quotes inside quotes', () => {
    expect(splitLine('a,"b ""c"", d",e')).toEqual(['a', 'b "c", d', 'e'])
  })
})

describe('template', () => {
  it('lists the intervals of yesterday, and its empty rows are reported', () => {
    const text = template(15, NOW)
    const check = checkCsv(text, HOUSE, NOW)

    expect(text.split('\n')[1]).toBe('2026-06-01T00:00:00Z,,,,')
    expect([check.rows, check.bad, check.header]).toEqual([96, 96, null])
  })
})
