// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { dayOf, surplusWh, type Bucket } from './today'

function bucket(start: string, changes: Partial<Bucket> = {}): Bucket {
  const end = new Date(Date.parse(start) + 900_000).toISOString()
  return { start, end, productionKwh: '1', consumptionKwh: '0.25', exportKwh: '0.75', importKwh: '0', ...changes }
}

const NOON = '2026-11-21T12:00:00Z'
const LATER = '2026-11-21T12:15:00Z'

describe('dayOf', () => {
  test('adds houses up by interval and over the day', () => {
    const day = dayOf([[bucket(LATER), bucket(NOON)], [bucket(NOON, { productionKwh: '0.5' }), bucket(LATER)]])

    expect(day.starts).toEqual([Date.parse(NOON) / 1000, Date.parse(LATER) / 1000])
    expect(day.production).toEqual([1.5, 2])
    expect([day.producedWh, day.consumedWh, day.exportedWh]).toEqual([3500n, 1000n, 3000n])
    expect(surplusWh(day)).toBe(2500n)
    expect(day.until).toEqual(new Date('2026-11-21T12:30:00Z'))
  })

  test('an unknown value is a gap in the picture and never a zero', () => {
    const day = dayOf([[bucket(NOON), bucket(LATER, { productionKwh: null })], [bucket(NOON)]])

    expect(day.production).toEqual([2, null])
    expect(day.producedWh).toBe(2000n)
  })

  test('nothing known has no sum and no surplus', () => {
    const empty = { productionKwh: null, consumptionKwh: null, exportKwh: null, importKwh: null }
    const day = dayOf([[bucket(NOON, empty)]])

    expect([day.producedWh, surplusWh(day), day.until]).toEqual([null, null, null])
    expect(dayOf([]).starts).toEqual([])
  })
})
