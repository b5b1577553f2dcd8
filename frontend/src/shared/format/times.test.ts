// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { counted, shortHex, words } from './names'
import { formatAgo, formatInterval } from './times'

const NOW = new Date('2026-06-01T12:00:00Z')

test.each([
  ['2026-06-01T11:59:55Z', 'just now'], ['2026-06-01T11:57:00Z', '3 minutes ago'], ['2026-06-01T14:00:00Z', 'in 2 hours'], ['2026-05-30T12:00:00Z', '2 days ago'],
])('%s is %s', (at, text) => expect(formatAgo(at, NOW)).toBe(text))

test('an interval has its day unless it is today’s', () => {
  expect(formatInterval('2026-06-01T14:00:00Z', 15, 'UTC', NOW)).toBe('14:00–14:15')
  expect(formatInterval('2026-06-02T23:45:00Z', 15, 'UTC', NOW)).toBe('2 Jun, 23:45–00:00')
})

test('names for people', () => {
  expect(shortHex('0x1234567890abcdef1234')).toBe('0x1234…1234')
  expect(words('notEnoughEnergy')).toBe('Not enough energy')
  expect(words('NOT_FINAL')).toBe('Not final')
  expect(counted(1, 'trade')).toBe('1 trade')
  expect(counted(1200, 'trade')).toBe('1,200 trades')
})
