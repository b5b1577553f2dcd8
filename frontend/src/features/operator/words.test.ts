// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { balanceState, coinText, gweiText } from './words'

const ETHER = 10n ** 18n

test('wei are shown as coins and as gwei', () => {
  expect(coinText((12n * ETHER + ETHER / 2n).toString())).toBe('12.5000')
  expect(gweiText('1500000000')).toBe('1.50')
})

test('a balance is low before nothing is sent any more', () => {
  const least = (ETHER / 20n).toString()

  expect(balanceState((ETHER / 25n).toString(), least)).toBe('empty')
  expect(balanceState((ETHER / 10n).toString(), least)).toBe('low')
  expect(balanceState(ETHER.toString(), least)).toBe('good')
})
