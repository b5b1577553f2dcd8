// SPDX-License-Identifier: Apache-2.0
/**
 * Sees purchases through: posts each hash until the API has taken it, then asks where the trade stands until it is
 * verified, and now and then until it is final. Runs while somebody is signed in, on whatever page; of all tabs one works at a time.
 */
import { api, ApiProblem, queryClient, take } from '@/shared/api'
import { getSession, onSession } from '@/shared/session'
import { troubleOf } from '../logic/trouble'
import { isEnded, isUnposted, isWatched, type ClaimStatus, type Happened, type Purchase } from '../logic/purchase'
import { allPurchases, onPurchases, tell } from './store'

const POLL_MS = 1_500
const VERIFIED_POLL_MS = 15_000
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 60_000
const LOCK = 'gridx.purchases'

/** How the outbox reaches the API. */
export interface Clerk {
  post: (purchase: Purchase) => Promise<ClaimStatus>
  read: (tradeKey: string) => Promise<ClaimStatus>
}

export const clerk: Clerk = {
  post: ({ sellerId, userId, energyKwh, pricePerKwh, txHash = '0x' }) =>
    take(api.POST('/api/energy-trades', { body: { sellerId, buyerId: userId, energyKwh, pricePerKwh, txHash } })),
  read: (tradeKey) => take(api.GET('/api/energy-trades/{trade_id}', { params: { path: { trade_id: tradeKey } } })),
}

/** Look after one purchase once: what happened, or null when the API could not be asked. */
export async function lookAfter(purchase: Purchase, { post, read }: Clerk, now: number): Promise<Happened | 'nothing' | 'away'> {
  try {
    if (isUnposted(purchase)) return { type: 'claimed', claim: await post(purchase) }
    if (purchase.tradeKey !== undefined) return { type: 'claimed', claim: await read(purchase.tradeKey) }
    if (purchase.stage === 'asking') return { type: 'claimed', claim: await read(purchase.expectedId) }
    return ended(purchase, now)
  } catch (problem) {
    if (!isRefusal(problem)) return 'away'
    if (purchase.txHash === undefined) return ended(purchase, now)
    return { type: 'failed', trouble: troubleOf(problem) }
  }
}

/** Only what the API has said ends a purchase: an answer cut short, because the page is left, says nothing. */
function isRefusal(problem: unknown): boolean {
  return problem instanceof ApiProblem && problem.status >= 400 && problem.status !== 401 && !problem.isPassing
}

function ended(purchase: Purchase, now: number): Happened | 'nothing' {
  return now >= Date.parse(purchase.expiresAt) ? { type: 'lapsed' } : 'nothing'
}

/** Pause before the next look: as long as a poll, longer where all are verified, and longer and longer while the API is away. */
export function pauseAfter(failures: number, areVerified = false): number {
  if (failures === 0) return areVerified ? VERIFIED_POLL_MS : POLL_MS
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), LONGEST_PAUSE_MS)
}

function mine(): Purchase[] {
  const { user } = getSession()
  return allPurchases().filter((one) => one.userId === user?.id && isWatched(one, Date.now()))
}

/** One look at everything that is under way; false when the API was away. */
async function lookAround(): Promise<boolean> {
  let reached = true
  for (const purchase of mine()) {
    const happened = await lookAfter(purchase, clerk, Date.now())
    if (happened === 'away') reached = false
    else if (happened !== 'nothing') announce(purchase, tell(purchase.id, happened))
  }
  return reached
}

/** What a trade changes elsewhere is loaded anew: carbon, trades, offers. */
function announce(before: Purchase, now: Purchase | undefined): void {
  if (now === undefined || now.stage === before.stage) return
  for (const key of ['carbon', 'trades', 'market', 'dashboard']) void queryClient.invalidateQueries({ queryKey: [key] })
}

let timer: ReturnType<typeof setTimeout> | undefined
let isRunning = false
let failures = 0

function plan(ms: number): void {
  clearTimeout(timer)
  timer = setTimeout(() => void run(), ms)
}

async function run(): Promise<void> {
  if (isRunning || mine().length === 0) return
  isRunning = true
  try {
    const locks = (navigator as { locks?: LockManager }).locks
    const reached = await (locks ? locks.request(LOCK, lookAround) : lookAround())
    failures = reached ? 0 : failures + 1
  } finally {
    isRunning = false
  }
  if (mine().length > 0) plan(pauseAfter(failures, mine().every(isEnded)))
}

let isStarted = false

/** Begin, once: when the app starts with purchases under way, or when the market page is first shown. */
export function startOutbox(): void {
  if (isStarted) return
  isStarted = true
  const now = () => plan(0)
  onPurchases(() => {
    if (!isRunning && mine().length > 0) plan(mine().some(isUnposted) ? 0 : pauseAfter(0, mine().every(isEnded)))
  })
  onSession(now)
  addEventListener('online', () => {
    failures = 0
    now()
  })
  now()
}

/** Look now: something live says that trades have moved. */
export function hurryOutbox(): void {
  if (mine().length > 0) plan(0)
}
