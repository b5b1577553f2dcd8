// SPDX-License-Identifier: Apache-2.0
/**
 * How requests travel: credentials, an idempotency key on POSTs, another try after a passing failure.
 *
 * What may be repeated without harm is tried three times with growing pauses (0.4 s, 1.2 s); the server's Retry-After is
 * obeyed up to 10 s. A 401 is answered by one refresh of the session and one more try.
 */
import { noteAnswer } from '@/shared/offline'
import { ApiProblem } from './problem'

export interface Credentials {
  /** The access token, or null when nobody is signed in; waits while a refresh is under way. */
  token: () => Promise<string | null>
  /** The token was refused: get another one, or null when the session has ended. */
  renew: (refused: string) => Promise<string | null>
  /** The organisation that the user acts for. */
  organization: () => string | null
}

const nobody: Credentials = { token: () => Promise.resolve(null), renew: () => Promise.resolve(null), organization: () => null }
let credentials = nobody

/** The session calls this once, when the app starts. */
export function setCredentials(source: Credentials): void {
  credentials = source
}

const PAUSES_MS = [400, 1200]
const LONGEST_WAIT_MS = 10_000

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason instanceof Error ? signal.reason : new DOMException('aborted', 'AbortError'))
    })
  })

/** How long to wait before the next try, or null when there is none. Pure. */
export function waitBeforeRetry(
  tries: number, status: number, retryAfter: string | null, repeatable: boolean, random = Math.random(),
): number | null {
  const passing = status === 0 || status === 429 || status >= 500
  const base = PAUSES_MS[tries]
  if (!passing || base === undefined) return null
  const asked = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : null
  const nothingDone = status === 429 || (status === 503 && asked !== null)
  if (!repeatable && !nothingDone) return null
  if (asked !== null && asked > LONGEST_WAIT_MS) return null
  return Math.max(asked ?? 0, base) * (1 + random / 4)
}

function isRepeatable(request: Request): boolean {
  return ['GET', 'HEAD', 'PUT'].includes(request.method) || request.headers.has('Idempotency-Key')
}

async function send(request: Request): Promise<Response> {
  const repeatable = isRepeatable(request)
  for (let tries = 0; ; tries += 1) {
    let response: Response | null = null
    try {
      response = await fetch(request.clone())
    } catch (error) {
      if (request.signal.aborted) throw error
    }
    const wait = waitBeforeRetry(tries, response?.status ?? 0, response?.headers.get('Retry-After') ?? null, repeatable)
    if (wait === null) {
      if (response) {
        noteAnswer(response)
        return response
      }
      throw new ApiProblem(0, 'network.unreachable', 'The server cannot be reached')
    }
    await pause(wait, request.signal)
  }
}

/** A read goes out even when no token can be had: the service worker may still know the answer, and the server will ask. */
async function tokenFor(request: Request): Promise<string | null> {
  try {
    return await credentials.token()
  } catch (problem) {
    if (request.method === 'GET') return 'unreachable'
    throw problem
  }
}

/** `fetch` for the generated client. */
export async function transport(request: Request): Promise<Response> {
  const headers = new Headers(request.headers)
  headers.set('X-GridX-Client', 'browser')
  const isAuth = new URL(request.url).pathname.startsWith('/api/auth/')
  const token = isAuth ? null : await tokenFor(request)
  if (token === null) return send(new Request(request, { headers }))
  headers.set('Authorization', `Bearer ${token}`)
  const organization = credentials.organization()
  if (organization !== null && !headers.has('X-Org-Id')) headers.set('X-Org-Id', organization)
  if (request.method === 'POST' && !headers.has('Idempotency-Key')) headers.set('Idempotency-Key', crypto.randomUUID())
  const ready = new Request(request, { headers })
  const response = await send(ready)
  if (response.status !== 401) return response
  const renewed = await credentials.renew(token)
  if (renewed === null) return response
  headers.set('Authorization', `Bearer ${renewed}`)
  return send(new Request(ready, { headers }))
}
