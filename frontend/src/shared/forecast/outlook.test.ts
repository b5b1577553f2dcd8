// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { OutlookUnreadable, readOutlook, readPrices } from './outlook'

const PRICES = {
  stale: false,
  ageSeconds: 12,
  market: {
    steps: [
      {
        start: '2026-11-21T18:00:00Z', pricePerKwh: '0.183500',
        intervals: [{ level: 50, lowPerKwh: '0.18', highPerKwh: '0.19' }, { level: 80, lowPerKwh: '0.150000', highPerKwh: '0.220000' }],
        explanation: { text: '0.18 at usual supply and demand' },
      },
      { start: '2026-11-21T18:15:00Z', pricePerKwh: null, intervals: [], explanation: null },
    ],
  },
} // prettier-ignore
const OUTLOOK = {
  stale: true,
  ageSeconds: 4000,
  steps: [{ start: '2026-11-21T18:00:00Z', supplyKwh: 1.5, demandKwh: 2 }],
  bestToBuy: [{ start: '2026-11-22T12:00:00Z', pricePerKwh: '0.1', surplusKwh: 3 }],
  bestToSell: [{ start: '2026-11-21T19:00:00Z', pricePerKwh: '0.3', surplusKwh: -1 }],
  expectedSurplusKwh: -4.25,
  confidence: { level: 'medium', score: 0.6 },
  findings: ['no prices were paid of late to compare the model with'],
}

describe('readPrices', () => {
  test('takes the price, its 80 % interval and what moved it', () => {
    const { steps, age } = readPrices(PRICES)

    expect(steps[0]).toEqual({
      start: new Date('2026-11-21T18:00:00Z'), priceMicro: 183_500n, lowMicro: 150_000n, highMicro: 220_000n,
      why: '0.18 at usual supply and demand',
    }) // prettier-ignore
    expect(steps[1]).toMatchObject({ priceMicro: null, lowMicro: null, why: null })
    expect(age).toEqual({ stale: false, seconds: 12 })
  })

  test.each([{}, { market: null }, { market: { steps: 'none' } }, { market: { steps: [{ start: 'soon', intervals: [] }] } }])(
    'refuses %o instead of guessing',
    (answer) => {
      expect(() => readPrices(answer)).toThrow(OutlookUnreadable)
    },
  )
})

describe('readOutlook', () => {
  test('takes good hours, surplus, confidence and age', () => {
    const outlook = readOutlook(OUTLOOK)

    expect(outlook.bestToBuy).toEqual([{ start: new Date('2026-11-22T12:00:00Z'), priceMicro: 100_000n }])
    expect(outlook.bestToSell[0]?.priceMicro).toBe(300_000n)
    expect([outlook.surplusKwh, outlook.confidence, outlook.age.stale]).toEqual([-4.25, 'medium', true])
  })

  test.each([{ confidence: { level: 'sure' } }, { steps: null }, { expectedSurplusKwh: 'much' }, { bestToBuy: [{ start: '2026-11-22T12:00:00Z' }] }])(
    'refuses %o',
    (change) => {
      expect(() => readOutlook({ ...OUTLOOK, ...change })).toThrow(OutlookUnreadable)
    },
  )
})
