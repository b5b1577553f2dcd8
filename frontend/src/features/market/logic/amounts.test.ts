// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { decimalText, exactly, moneyMicro, parseDecimal } from './amounts'

describe('parseDecimal', () => {
  test.each([
    ['1', 1000n],
    ['0.001', 1n],
    ['1,5', 1500n],
    ['.5', 500n],
    ['2.', 2000n],
    ['1.5000000', 1500n],
    ['999999999999999', 999999999999999000n],
  ])('%s kWh', (text, value) => {
    expect(parseDecimal(text, 3)).toEqual({ value })
  })

  test.each([
    ['', 'empty'],
    ['  ', 'empty'],
    ['.', 'not-a-number'],
    ['-1', 'not-a-number'],
    ['1e3', 'not-a-number'],
    ['1.2.3', 'not-a-number'],
    ['NaN', 'not-a-number'],
    ['0.0001', 'too-fine'],
  ])('refuses %j', (text, problem) => {
    expect(parseDecimal(text, 3)).toEqual({ problem })
  })
})

test.each([0n, 1n, 999n, 1000n, 123456789n, -1n, -2500n])('decimalText of %s reads back exactly', (value) => {
  expect(exactly(decimalText(value, 3), 3)).toBe(value)
})

test('exactly throws for what the API never sends', () => {
  expect(() => exactly('1.2345', 3)).toThrow(RangeError)
})

test('moneyMicro rounds down as the ledger does', () => {
  expect(moneyMicro(1501n, 240_001n)).toBe(360_241n)
})
