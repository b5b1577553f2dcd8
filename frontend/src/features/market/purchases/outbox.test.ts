// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { ApiProblem } from '@/shared/api/problem'
import type { ClaimStatus, Purchase } from '../logic/purchase'
import { lookAfter, pauseAfter, type Clerk } from './outbox'

const NOW = Date.parse('2026-11-21T17:05:00Z')
const RESERVED: Purchase = {
  id: 'r1', userId: 'u1', offerId: 'o1', sellerId: 's1', community: 1, deliveryStart: '2026-11-21T18:00:00Z',
  energyKwh: '1', pricePerKwh: '0.2', expiresAt: '2026-11-21T17:10:00Z', startedAt: '2026-11-21T17:00:00Z',
  stage: 'reserved', isPosted: false, confirmations: 0, required: 2, expectedId: '0x07',
} // prettier-ignore
const SENT: Purchase = { ...RESERVED, stage: 'sent', txHash: `0x${'ab'.repeat(32)}` }
const PENDING: ClaimStatus = { id: 't1', status: 'pending', confirmations: 1, requiredConfirmations: 2, carbonSavedKg: '0' }

function clerkOf(answer: () => ClaimStatus): Clerk & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    post: ({ id }) => {
      asked.push(`post ${id}`)
      return new Promise((resolve) => resolve(answer()))
    },
    read: (key) => {
      asked.push(`read ${key}`)
      return new Promise((resolve) => resolve(answer()))
    },
  }
}

function refusing(status: number, code: string): () => never {
  return () => {
    throw new ApiProblem(status, code, code)
  }
}

describe('lookAfter', () => {
  test('a hash that was not posted is posted, then asked for by its claim', async () => {
    const clerk = clerkOf(() => PENDING)

    const first = await lookAfter(SENT, clerk, NOW)
    await lookAfter({ ...SENT, isPosted: true, tradeKey: 't1' }, clerk, NOW)

    expect(first).toEqual({ type: 'claimed', claim: PENDING })
    expect(clerk.asked).toEqual(['post r1', 'read t1'])
  })

  test.each([
    [0, 'network.unreachable'],
    [503, 'service.unavailable'],
    [429, 'request.too_many'],
    [401, 'auth.token_expired'],
  ])('an API that is away (%i) leaves the hash where it is', async (status, code) => {
    expect(await lookAfter(SENT, clerkOf(refusing(status, code)), NOW)).toBe('away')
  })

  test.each([new TypeError('Failed to fetch'), new SyntaxError('Unexpected end of JSON input'), new DOMException('', 'AbortError'), new ApiProblem(200, 'unknown', '')])(
    'an answer cut short (%s) leaves the hash where it is',
    async (problem) => {
      const cut = () => {
        throw problem
      }

      expect(await lookAfter(SENT, clerkOf(cut), NOW)).toBe('away')
    },
  )

  test('a refusal ends the purchase with its reason', async () => {
    const happened = await lookAfter(SENT, clerkOf(refusing(409, 'trade.reverted')), NOW)

    expect(happened).toMatchObject({ type: 'failed', trouble: { code: 'trade.reverted' } })
  })

  test('a reservation without a hash waits for its end', async () => {
    const clerk = clerkOf(() => PENDING)

    expect(await lookAfter(RESERVED, clerk, NOW)).toBe('nothing')
    expect(await lookAfter(RESERVED, clerk, Date.parse(RESERVED.expiresAt))).toEqual({ type: 'lapsed' })
    expect(clerk.asked).toEqual([])
  })
})

test('a wallet that was asked before the page was left: the trade is looked for by its id', async () => {
  const asking: Purchase = { ...RESERVED, stage: 'asking' }
  const clerk = clerkOf(() => ({ ...PENDING, status: 'confirmed' }))

  const found = await lookAfter(asking, clerk, NOW)
  const notYet = await lookAfter(asking, clerkOf(refusing(404, 'trade.not_found')), NOW)
  const never = await lookAfter(asking, clerkOf(refusing(404, 'trade.not_found')), Date.parse(RESERVED.expiresAt))

  expect(clerk.asked).toEqual(['read 0x07'])
  expect(found).toMatchObject({ type: 'claimed', claim: { status: 'confirmed' } })
  expect([notYet, never]).toEqual(['nothing', { type: 'lapsed' }])
})

test('what is verified is looked at less often', () => {
  expect([pauseAfter(0, true), pauseAfter(2, true)]).toEqual([15_000, 4_000])
})

test('pauses grow while the API is away, up to a minute', () => {
  expect([0, 1, 2, 3, 20].map((failures) => pauseAfter(failures))).toEqual([1500, 2000, 4000, 8000, 60_000])
})
