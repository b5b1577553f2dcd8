// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { levelsOf, refusalWords, whyWords, type Receipt } from './receipt'

test('the sentence of a receipt shows prices and amounts with their units', () => {
  const auction = 'The most, 12000 Wh, is traded at any price of energy from 180000 to 240000 micro-units per kWh; the price is the middle, 210000.'
  const placed = 'The bid came last and met the best resting offer at exactly that offer’s limit plus its fees: 240000 micro-units per kWh of energy.'

  expect(whyWords(auction, 'USD')).toBe(
    'The most, 12.00 kWh, is traded at any price of energy from 0.1800 USD/kWh to 0.2400 USD/kWh; the price is the middle, 0.2100 USD/kWh.',
  )
  expect(whyWords(placed, 'USD')).toContain('fees: 0.2400 USD/kWh of energy')
})

test('a refusal says why, and what would have helped', () => {
  expect(refusalWords({ id: 'a', limitMicro: 300_000, reason: 'limit', neededMicro: 210_000 }, 'USD')).toBe(
    'At 0.3000 USD/kWh: its limit was on the wrong side of the price. A limit of 0.2100 USD/kWh would have traded.',
  )
  expect(refusalWords({ id: 'a', limitMicro: 1, reason: 'nobody', neededMicro: null }, 'USD')).not.toContain('A limit')
})

test('levels keep their order and know their share of the largest', () => {
  const level = { zone: '', orders: 1 }
  const levels = [
    { ...level, side: 'offer' as const, priceMicro: 1, energyWh: 50 },
    { ...level, side: 'offer' as const, priceMicro: 2, energyWh: 100 },
    { ...level, side: 'bid' as const, priceMicro: 3, energyWh: 25 },
  ]

  expect(levelsOf({ levels } as unknown as Receipt, 'offer').map((one) => one.share)).toEqual([0.5, 1])
  expect(levelsOf({ levels } as unknown as Receipt, 'bid').map((one) => one.share)).toEqual([0.25])
})
