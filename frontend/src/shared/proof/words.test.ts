// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { falsehoodWords, fieldWords, valueWords } from './words'

test.each([
  ['database.energyWh', 'GridX’s record: energy'],
  ['evidence trade: blockHash', 'Evidence of the trade: block hash'],
  ['evidence factor', 'Evidence of the emission factor'],
  ['claim.claimGrams', 'Carbon claim: grams claimed'],
  ['transfers: earned', 'Carbon transfers: earned'],
  ['digest', 'Seal of the bundle'],
])('%s is called %s', (field, words) => {
  expect(fieldWords(field)).toBe(words)
})

test('amounts are written with their units', () => {
  expect(valueWords('database.energyWh', '2000')).toBe('2.00 kWh')
  expect(valueWords('trade.pricePerKwh', '240000')).toBe('0.240000 per kWh')
  expect(valueWords('claim.claimGrams', '875')).toBe('875 g')
  expect(valueWords('claim.community', null)).toBe('nothing')
})

test('a falsehood says both values', () => {
  expect(falsehoodWords({ field: 'database.energyWh', says: '9999', evidence: '2000' })).toBe(
    'GridX’s record: energy is 10.00 kWh, the evidence says 2.00 kWh',
  )
  expect(falsehoodWords({ field: 'format', note: 'not gridx-proof-1' })).toBe('File format: not gridx-proof-1')
})
