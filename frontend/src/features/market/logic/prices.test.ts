// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { priceColumns } from './prices'

const paid = (start: string, average: string) => ({ start, averagePerKwh: average, lowPerKwh: '0.1', highPerKwh: '0.3' })
const foreseen = (start: string, priceMicro: bigint | null) => ({ start: new Date(start), priceMicro, lowMicro: 150_000n, highMicro: 250_000n, why: null })

test('past and forecast share their times, in order, with gaps where there is nothing', () => {
  const columns = priceColumns(
    [paid('2026-11-21T18:00:00Z', '0.2'), paid('2026-11-21T18:30:00Z', '0.24')],
    [foreseen('2026-11-21T18:30:00Z', 220_000n), foreseen('2026-11-21T18:15:00Z', null), foreseen('2026-11-21T19:00:00Z', 180_000n)],
  )

  expect(columns.starts.map((start) => new Date(start * 1000).toISOString().slice(11, 16))).toEqual(['18:00', '18:30', '19:00'])
  expect(columns.average).toEqual([0.2, 0.24, null])
  expect(columns.likely).toEqual([null, 0.22, 0.18])
  expect(columns.likelyHigh).toEqual([null, 0.25, 0.25])
  expect([columns.last, columns.next]).toEqual(['0.24', 220_000n])
})

test('nothing known is nothing drawn', () => {
  expect(priceColumns([], [])).toMatchObject({ starts: [], last: null, next: null })
})
