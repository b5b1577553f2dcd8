// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { badgeOf, confirmationWords, failureWords, isMoving, stepsOf, type Trade } from './states'

const TRADE: Trade = {
  id: 'a', tradeId: '0x01', status: 'confirmed', kind: 'filled', consented: true, sellerId: null, buyerId: null, energyKwh: '2',
  pricePerKwh: '0.24', carbonSavedKg: '0.875', txHash: '0x02', confirmations: 3, requiredConfirmations: 2, blockNumber: 7,
}
const states = (trade: Trade) => stepsOf(trade).map((step) => step.state)

test('a pending trade waits for its block, then counts confirmations', () => {
  const pending: Trade = { ...TRADE, status: 'pending', confirmations: 0, blockNumber: null, consented: false }

  expect(states(pending)).toEqual(['active', 'active', 'waiting'])
  expect(states({ ...pending, confirmations: 1 })).toEqual(['done', 'active', 'waiting'])
  expect(confirmationWords({ ...pending, confirmations: 1 })).toBe('1/2 confirmations')
})

test('a confirmed trade with consent is blockchain verified, and never counts beyond what is needed', () => {
  expect(badgeOf(TRADE)).toEqual({ tone: 'success', words: 'Blockchain verified' })
  expect(confirmationWords({ ...TRADE, confirmations: 900 })).toBe('2/2 confirmations')
  expect(states(TRADE)).toEqual(['done', 'done', 'active', 'waiting'])
  expect(states({ ...TRADE, status: 'final', settledAt: '2026-01-01T00:00:00Z' })).toEqual(['done', 'done', 'done', 'done'])
})

test('a trade of one party is recorded, not verified by both', () => {
  expect(badgeOf({ ...TRADE, consented: false }).words).toBe('One party only')
  expect(stepsOf({ ...TRADE, consented: false })).toHaveLength(3)
})

test('an orphaned trade shows that its block lost', () => {
  expect(states({ ...TRADE, status: 'orphaned', confirmations: 0 })).toEqual(['failed', 'waiting', 'waiting'])
  expect(isMoving({ ...TRADE, status: 'orphaned' })).toBe(false)
})

test('a failed trade says why', () => {
  expect(failureWords('REVERTED')).toContain('reverted')
  expect(failureWords('other: 7')).toBe('other: 7')
  expect(states({ ...TRADE, status: 'failed', reason: 'reverted' })).toEqual(['done', 'failed'])
})
