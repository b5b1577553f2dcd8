// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import type { Bucket } from './series'
import { begun, columnsOf, firstDay, qualities, qualityOf, range, shift, totals } from './series'
import { addDays, dayOf, startOfDay } from './zone'

const LOS_ANGELES = 'America/Los_Angeles'

function bucket(changes: Partial<Bucket> = {}): Bucket {
  return {
    start: '2026-06-01T12:00:00Z', end: '2026-06-01T13:00:00Z', minutes: 60, productionKwh: '1.5',
    consumptionKwh: null, exportKwh: '0.25', importKwh: '0', complete: true, attestation: 'device', ...changes,
  }
}

describe('days of a community', () => {
  it('begin at the community’s midnight, also on days of 23 and 25 hours', () => {
    const hours = (day: string) => (startOfDay(addDays(day, 1), LOS_ANGELES) - startOfDay(day, LOS_ANGELES)) / 3.6e6

    expect(new Date(startOfDay('2026-06-01', LOS_ANGELES)).toISOString()).toBe('2026-06-01T07:00:00.000Z')
    expect([hours('2026-03-08'), hours('2026-11-01'), hours('2026-06-01')]).toEqual([23, 25, 24])
  })

  it('begin after a midnight that is skipped', () => {
    const start = startOfDay('2026-03-08', 'America/Havana')

    expect(dayOf(start, 'America/Havana')).toBe('2026-03-08')
    expect(dayOf(start - 1, 'America/Havana')).toBe('2026-03-07')
  })

  it.each(['Asia/Kolkata', 'UTC', 'Australia/Lord_Howe', 'America/St_Johns'])('agree with themselves in %s', (zone) => {
    for (let day = '2026-01-01'; day < '2027-01-01'; day = addDays(day, 1)) {
      const start = startOfDay(day, zone)
      expect([dayOf(start, zone), dayOf(start - 1, zone)]).toEqual([day, addDays(day, -1)])
    }
  })
})

describe('spans', () => {
  it('begin on Monday, on the first, in January', () => {
    expect(firstDay('week', '2026-06-07')).toBe('2026-06-01')
    expect(firstDay('month', '2026-06-17')).toBe('2026-06-01')
    expect(firstDay('year', '2026-06-17')).toBe('2026-01-01')
  })

  it('follow one another without gaps', () => {
    expect(shift('month', '2026-12-31', 1)).toBe('2027-01-01')
    expect(shift('month', '2026-03-31', -1)).toBe('2026-02-01')
    expect(shift('week', '2026-01-01', -1)).toBe('2025-12-22')
    expect(range('day', '2026-11-01', LOS_ANGELES)).toEqual({
      from: '2026-11-01T07:00:00.000Z', to: '2026-11-02T08:00:00.000Z',
    })
  })
})

describe('columns and totals', () => {
  it('leave out what has not begun', () => {
    const later = bucket({ start: '2026-06-01T13:00:00Z' })

    expect(begun([bucket(), later], Date.parse('2026-06-01T13:00:00Z'))).toEqual([bucket()])
  })

  it('are in the order of time and leave gaps where nothing is known', () => {
    const columns = columnsOf([bucket({ start: '2026-06-01T13:00:00Z', productionKwh: null }), bucket()])

    expect(columns.starts).toEqual([1780315200, 1780318800])
    expect(columns.values.production).toEqual([1.5, null])
  })

  it('sum whole watt-hours and say how much is known', () => {
    const sums = totals([bucket(), bucket({ productionKwh: '0.001' }), bucket({ productionKwh: null })])

    expect(sums.energyWh).toEqual({ production: 1_501n, consumption: null, export: 750n, import: 0n })
    expect(sums.knownPercent).toMatchObject({ production: 66, consumption: 0, export: 100 })
  })
})

describe('qualityOf', () => {
  it.each([
    [{}, 'signed'],
    [{ attestation: 'operator' }, 'operator'],
    [{ attestation: 'declared' }, 'declared'],
    [{ complete: false }, 'partial'],
    [{ attestation: null, complete: false }, 'missing'],
  ] as const)('of %o is %s', (changes, quality) => {
    expect(qualityOf(bucket(changes))).toBe(quality)
    expect(qualities([bucket(changes)])[quality]).toBe(1)
  })
})
