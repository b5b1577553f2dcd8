// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { carbonParts, costMicro, energyParts, formatEnergy, formatMoney, formatPrice, groupedText, microOf, parseScaled, scaledText, whOf } from './amounts'

describe('parseScaled', () => {
  test.each([
    ['1.5', 1500n], ['0.001', 1n], ['12', 12_000n], ['-0.25', -250n], ['1.5000', 1500n], ['1,5', 1500n], ['9007199254740993.001', 9_007_199_254_740_993_001n],
  ])('reads %s kWh exactly', (text, wh) => expect(parseScaled(text, 3)).toBe(wh))

  test.each(['', '1.2345', 'abc', '1e3', '1.2.3', ' ', '--1', '.5'])('refuses %j', (text) => expect(parseScaled(text, 3)).toBeNull())
})

test.each([0n, 1n, 999n, 1000n, 1500n, -250n, 10n ** 20n + 7n])('scaledText of %s reads back', (value) => {
  expect(parseScaled(scaledText(value, 3), 3)).toBe(value)
})

test('amounts of the API that are none are an error, not a zero', () => {
  expect(() => whOf('much')).toThrow('much')
  expect(microOf('0.184')).toBe(184_000n)
})

test.each([
  [999_999n, 6, 2, '1.00'], [1_234_567_890n, 3, 1, '1,234,567.9'], [-1_500n, 3, 0, '−2'], [-1n, 3, 1, '0.0'], [5n, 0, 0, '5'],
] as const)('groupedText(%s, %s, %s) is %s', (value, decimals, shown, text) => expect(groupedText(value, decimals, shown)).toBe(text))

test('units suit the size', () => {
  expect(energyParts(999n)).toEqual({ value: '999', unit: 'Wh' })
  expect(formatEnergy(1_240n)).toBe('1.24 kWh')
  expect(energyParts(123_456_789n)).toEqual({ value: '123.46', unit: 'MWh' })
  expect(carbonParts(12_345n)).toEqual({ value: '12.35', unit: 'kg' })
})

test('prices have four decimals, money two unless it is small', () => {
  expect(formatPrice(184_000n, 'USD')).toBe('0.1840 USD/kWh')
  expect(formatMoney(12_345_678n, 'USD')).toBe('12.35 USD')
  expect(formatMoney(46_000n, 'USD')).toBe('0.0460 USD')
})

test('costs are rounded half up', () => {
  expect(costMicro(250n, 184_000n)).toBe(46_000n)
  expect(costMicro(1n, 500n)).toBe(1n)
  expect(costMicro(1n, 499n)).toBe(0n)
})
