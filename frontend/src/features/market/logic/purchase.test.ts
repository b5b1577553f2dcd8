// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { after, isEnded, isUnposted, isWatched, stepsOf, tradeIdOf, type ClaimStatus, type Happened, type Purchase } from './purchase'

const HASH = `0x${'ab'.repeat(32)}` as const
const TROUBLE = { code: 'wallet.rejected', what: 'You declined.', advice: 'Try again.' }
const RESERVED: Purchase = {
  id: 'r1', userId: 'u1', offerId: 'o1', sellerId: 's1', community: 1, deliveryStart: '2026-11-21T18:00:00Z',
  energyKwh: '1', pricePerKwh: '0.2', expiresAt: '2026-11-21T17:10:00Z', startedAt: '2026-11-21T17:00:00Z',
  stage: 'reserved', isPosted: false, confirmations: 0, required: 2, expectedId: `0x${'01'.repeat(32)}`,
} // prettier-ignore

function claim(status: ClaimStatus['status'], changes: Partial<ClaimStatus> = {}): Happened {
  return {
    type: 'claimed',
    claim: {
      id: 't1', tradeId: null, status, reason: null, confirmations: 0, requiredConfirmations: 2, explorerUrl: null,
      carbonSavedKg: '0', ...changes,
    }, // prettier-ignore
  }
}

function happen(...events: Happened[]): Purchase {
  return events.reduce(after, RESERVED)
}

const SENT: Happened = { type: 'sent', txHash: HASH, at: '2026-11-21T17:01:00Z' }
const MINED: Happened = { type: 'mined', block: '12' }
const states = (purchase: Purchase): string => stepsOf(purchase).map(({ state }) => state[0]).join('')

describe('a purchase', () => {
  test('goes through all steps to verified', () => {
    const path = [
      happen({ type: 'asked' }),
      happen({ type: 'asked' }, SENT),
      happen({ type: 'asked' }, SENT, MINED),
      happen({ type: 'asked' }, SENT, MINED, claim('pending', { confirmations: 1 })),
      happen({ type: 'asked' }, SENT, MINED, claim('confirmed', { confirmations: 2, tradeId: '0x01', carbonSavedKg: '0.4' })),
    ]

    expect(path.map(states)).toEqual(['awwww', 'ddaww', 'dddaw', 'dddaw', 'ddddd'])
    expect(path.map(isUnposted)).toEqual([false, true, true, false, false])
    expect(stepsOf(path[3] ?? RESERVED)[3]?.label).toBe('1/2 confirmations')
    expect(path[4]).toMatchObject({ stage: 'verified', tradeId: '0x01', carbonKg: '0.4' })
  })

  test('declined in the wallet fails at the first step, and can be tried again', () => {
    const declined = happen({ type: 'asked' }, { type: 'failed', trouble: TROUBLE })
    const again = after(declined, { type: 'asked' })

    expect([states(declined), isEnded(declined), isUnposted(declined)]).toEqual(['fwwww', false, false])
    expect([states(again), again.trouble]).toEqual(['awwww', undefined])
  })

  test('reverted fails at mining', () => {
    const reverted = happen({ type: 'asked' }, SENT, { type: 'failed', trouble: { ...TROUBLE, code: 'contract.X' } })

    expect(states(reverted)).toBe('ddfww')
  })

  test('a claim that the chain contradicts fails with its reason', () => {
    const failed = happen(SENT, MINED, claim('failed', { reason: 'The transaction was reverted' }))

    expect(failed.trouble?.what).toBe('The transaction was reverted')
    expect(isEnded(failed)).toBe(true)
  })

  test('a forgotten transaction is waited for, and says so', () => {
    const dropped = happen(SENT, claim('failed', { reason: 'trade.dropped' }))

    expect([dropped.stage, isEnded(dropped), dropped.trouble?.code]).toEqual(['sent', false, 'trade.dropped'])
    expect(after(dropped, claim('confirmed', { confirmations: 2 })).trouble).toBeUndefined()
  })

  test('a trade whose hash was never learned is found by its id', () => {
    const found = happen({ type: 'asked' }, claim('confirmed', { txHash: HASH, confirmations: 2 }))

    expect([found.stage, found.txHash, isUnposted(found)]).toEqual(['verified', HASH, false])
  })

  test('a block that lost takes the mark away until it is mined again', () => {
    const lost = happen(SENT, MINED, claim('confirmed', { confirmations: 2 }), claim('orphaned'))
    const again = after(lost, claim('confirmed', { confirmations: 2 }))

    expect([lost.stage, states(lost), lost.confirmations]).toEqual(['orphaned', 'ddaww', 0])
    expect(again.stage).toBe('verified')
  })

  test('is watched until it is final, and for a day at most', () => {
    const soon = Date.parse(RESERVED.startedAt) + 60_000
    const verified = happen(SENT, MINED, claim('confirmed', { confirmations: 2 }))

    expect([RESERVED, verified].map((one) => isWatched(one, soon))).toEqual([true, true])
    expect(isWatched(after(verified, claim('final', { confirmations: 9 })), soon)).toBe(false)
    expect(isWatched(verified, soon + 24 * 3_600_000)).toBe(false)
    expect(isWatched(happen(SENT, { type: 'failed', trouble: TROUBLE }), soon)).toBe(false)
  })

  test('a speed-up takes the place of the hash and is posted anew', () => {
    const other = `0x${'cd'.repeat(32)}` as const
    const replaced = happen(SENT, claim('pending'), { type: 'replaced', txHash: other })

    expect([replaced.txHash, isUnposted(replaced)]).toEqual([other, true])
  })

  test('a reservation lapses only while nothing was sent', () => {
    expect(happen({ type: 'lapsed' }).trouble?.code).toBe('purchase.lapsed')
    expect(happen(SENT, { type: 'lapsed' }).stage).toBe('sent')
    expect(happen(SENT, MINED, claim('confirmed'), { type: 'lapsed' }).stage).toBe('verified')
  })

  test('nothing undoes what is verified, and a second hash is not taken', () => {
    const verified = happen(SENT, MINED, claim('final', { confirmations: 9 }))

    expect(after(verified, { type: 'failed', trouble: TROUBLE }).stage).toBe('verified')
    expect(after(verified, { type: 'asked' }).stage).toBe('verified')
    expect(after(verified, { ...SENT, txHash: `0x${'00'.repeat(32)}` }).txHash).toBe(HASH)
  })

  test('survives storage as JSON at every stage', () => {
    const events: Happened[] = [{ type: 'asked' }, SENT, MINED, claim('pending', { confirmations: 1 }), claim('final')]
    const stored = events.reduce((held, event) => after(JSON.parse(JSON.stringify(held)) as Purchase, event), RESERVED)

    expect(JSON.stringify(stored)).toBe(JSON.stringify(happen(...events)))
    expect(stored.stage).toBe('verified')
  })
})

test('tradeIdOf is caller, nonce and index zero', () => {
  expect(tradeIdOf('0xf7B8F8787d771458BFb1E2ECeB0b95842828E271', 7n)).toBe(
    '0xf7b8f8787d771458bfb1e2eceb0b95842828e27100000000000000000007' + '0000',
  )
})
