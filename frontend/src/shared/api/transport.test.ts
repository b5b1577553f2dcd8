// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ApiProblem, problemOf } from './problem'
import { setCredentials, transport, waitBeforeRetry } from './transport'

describe('waitBeforeRetry', () => {
  test.each([
    ['a read after a failure of the network', 0, 0, null, true, 400],
    ['a read after 503', 1, 503, null, true, 1200],
    ['as long as the server asks', 0, 429, '2', true, 2000],
    ['a write that was not begun', 0, 503, '1', false, 1000],
  ] as const)('waits: %s', (_name, tries, status, retryAfter, repeatable, ms) => {
    expect(waitBeforeRetry(tries, status, retryAfter, repeatable, 0)).toBe(ms)
  })

  test.each([
    ['a success', 0, 200, null, true], ['a refusal', 0, 409, null, true], ['a write that may have happened', 0, 500, null, false],
    ['the third try', 2, 503, null, true], ['a pause that is too long', 0, 429, '60', true],
  ] as const)('does not wait: %s', (_name, tries, status, retryAfter, repeatable) => {
    expect(waitBeforeRetry(tries, status, retryAfter, repeatable, 0)).toBeNull()
  })
})

describe('transport', () => {
  const seen: Request[] = []
  let answers: (() => Response)[] = []

  beforeEach(() => {
    vi.useFakeTimers()
    seen.length = 0
    vi.stubGlobal('fetch', (request: Request) => {
      seen.push(request)
      const answer = answers.shift()
      return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError('failed to fetch'))
    })
    setCredentials({ token: () => Promise.resolve('old'), renew: () => Promise.resolve('new'), organization: () => 'org' })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  const ask = async (method: string, path = '/api/houses') => {
    const asked = transport(new Request(`http://localhost${path}`, { method, body: method === 'POST' ? '{}' : undefined }))
    const outcome = asked.catch((problem: unknown) => problem)
    await vi.runAllTimersAsync()
    return outcome
  }

  test('names the user, the organisation and the effect', async () => {
    answers = [() => new Response('{}')]
    await ask('POST')
    const headers = seen[0]?.headers
    expect(headers?.get('Authorization')).toBe('Bearer old')
    expect(headers?.get('X-Org-Id')).toBe('org')
    expect(headers?.get('Idempotency-Key')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('sign-in carries neither token nor key', async () => {
    answers = [() => new Response('{}')]
    await ask('POST', '/api/auth/login')
    expect(seen[0]?.headers.has('Authorization')).toBe(false)
    expect(seen[0]?.headers.has('Idempotency-Key')).toBe(false)
  })

  test('a refused token is renewed once, under the same key', async () => {
    answers = [() => new Response('{}', { status: 401 }), () => new Response('{}')]
    await ask('POST')
    expect(seen.map(({ headers }) => headers.get('Authorization'))).toEqual(['Bearer old', 'Bearer new'])
    expect(new Set(seen.map(({ headers }) => headers.get('Idempotency-Key'))).size).toBe(1)
  })

  test('a passing failure is repeated', async () => {
    answers = [() => new Response('{}', { status: 503 }), () => new Response('{}', { status: 503 }), () => new Response('{"ok":1}')]
    const found = (await ask('GET')) as Response
    expect([found.status, seen.length]).toEqual([200, 3])
  })

  test('a server out of reach is a problem with a code', async () => {
    answers = []
    const found = await ask('GET')
    expect(found).toBeInstanceOf(ApiProblem)
    expect((found as ApiProblem).code).toBe('network.unreachable')
    expect(seen).toHaveLength(3)
  })
})

test('an answer of a proxy is told by its status', () => {
  expect(problemOf(502, '<html>').code).toBe('service.unavailable')
  expect(problemOf(409, { error: { code: 'trade.mismatch', message: 'x', details: { a: 1 } } })).toMatchObject({ code: 'trade.mismatch', details: { a: 1 } })
})
