// SPDX-License-Identifier: Apache-2.0
/**
 * The life of a browser session.
 *
 * The refresh token is an HttpOnly cookie that works once, so of all tabs one refreshes at a time (a Web Lock) and tells
 * the others the result (a BroadcastChannel). Beside it stands a cookie with the CSRF value, which comes and goes with it;
 * localStorage keeps the user as last seen, for the time when the server cannot be reached.
 */
import { api, ApiProblem, queryClient, take, type Schemas } from '@/shared/api'
import { setCredentials } from '@/shared/api/transport'
import { getSession, setSession, type User } from './store'
import { getOrganizationId, setOrganizationId } from './organization'

interface Tokens {
  accessToken: string
  expiresAt: number
  user: User
}

type Message = { kind: 'tokens'; tokens: Tokens } | { kind: 'ended' }

const KEPT = 'gridx.session'
const LOCK = 'gridx.refresh'
const EARLY_MS = 30_000
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('gridx.session')

let tokens: Tokens | null = null
let renewing: Promise<Tokens | null> | null = null

/** The CSRF value; null: this browser has no session. */
const csrf = (): string | null => /(?:^|; )gridx_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? null

function keptUser(): User | null {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? 'null') as User | null
  } catch {
    return null
  }
}

function hold(next: Tokens): void {
  const before = getSession().user
  tokens = next
  if (before !== null && before.id !== next.user.id) forgetData()
  setSession({ status: 'signed-in', user: next.user })
}

/** What one user has loaded is not shown to the next. */
function forgetData(): void {
  setOrganizationId(null)
  queryClient.clear()
  if ('serviceWorker' in navigator) navigator.serviceWorker.controller?.postMessage({ kind: 'forget' })
}

function end(): void {
  tokens = null
  localStorage.removeItem(KEPT)
  forgetData()
  setSession({ status: 'anonymous', user: null })
}

/** Take over the tokens of a sign-in or a refresh, for all tabs. */
export function enter(answer: Schemas['TokensOut']): void {
  const next = { accessToken: answer.accessToken, expiresAt: Date.parse(answer.expiresAt), user: answer.user }
  localStorage.setItem(KEPT, JSON.stringify(answer.user))
  hold(next)
  channel?.postMessage({ kind: 'tokens', tokens: next } satisfies Message)
}

/** Show a change of the user's own data everywhere at once. */
export function updateUser(user: User): void {
  localStorage.setItem(KEPT, JSON.stringify(user))
  if (tokens) {
    tokens = { ...tokens, user }
    channel?.postMessage({ kind: 'tokens', tokens } satisfies Message)
  }
  setSession({ status: 'signed-in', user })
}

const fresh = (held: Tokens | null): Tokens | null => (held !== null && held.expiresAt - EARLY_MS > Date.now() ? held : null)

async function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks // absent where the page is not a secure context
  return locks ? locks.request(LOCK, work) : work()
}

async function askForTokens(): Promise<Tokens | null> {
  const value = csrf()
  if (value === null) return null
  try {
    // keepalive: the answer's cookies arrive even when the page is left meanwhile
    enter(await take(api.POST('/api/auth/refresh', { headers: { 'X-CSRF-Token': value }, keepalive: true })))
    return tokens
  } catch (problem) {
    if (problem instanceof ApiProblem && !problem.isPassing) {
      end()
      channel?.postMessage({ kind: 'ended' } satisfies Message)
      return null
    }
    const user = keptUser()
    setSession(user ? { status: 'away', user } : { status: 'anonymous', user: null })
    throw problem
  }
}

/** The next tokens; one request for all callers of all tabs. `refused` is a token that no longer holds. */
function renew(refused?: string): Promise<Tokens | null> {
  renewing ??= exclusively(async () => {
    const held = fresh(tokens)
    if (held && held.accessToken !== refused) return held // another tab was quicker
    return askForTokens()
  }).finally(() => {
    renewing = null
  })
  return renewing
}

async function currentToken(): Promise<string | null> {
  const held = fresh(tokens)
  if (held) return held.accessToken
  if (tokens === null && csrf() === null) return null
  try {
    return (await renew())?.accessToken ?? null
  } catch (problem) {
    if (tokens && tokens.expiresAt > Date.now()) return tokens.accessToken
    throw problem
  }
}

/** Begin: take up the session of an earlier visit, if there is one. */
export function startSession(): void {
  setCredentials({
    token: currentToken,
    renew: async (refused) => (await renew(refused))?.accessToken ?? null,
    organization: getOrganizationId,
  })
  channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'tokens') hold(data.tokens)
    else end()
  })
  if (csrf() === null) {
    setSession({ status: 'anonymous', user: null })
    return
  }
  setSession({ status: 'starting', user: keptUser() })
  renew().catch(() => undefined) // the session says `away`
  addEventListener('online', () => {
    if (getSession().status === 'away') renew().catch(() => undefined)
  })
}

/** Try again to reach the server with a session that is `away`. */
export async function resumeSession(): Promise<void> {
  await renew().catch(() => undefined)
}

/** End the session on the server and in every tab. */
export async function signOut(): Promise<void> {
  try {
    const live = fresh(tokens)
    const token = live ? { Authorization: `Bearer ${live.accessToken}` } : {}
    await api.POST('/api/auth/logout', { headers: { 'X-CSRF-Token': csrf() ?? '', ...token } })
  } finally {
    end()
    channel?.postMessage({ kind: 'ended' } satisfies Message)
  }
}
