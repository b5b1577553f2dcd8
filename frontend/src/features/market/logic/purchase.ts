// SPDX-License-Identifier: Apache-2.0
/**
 * A purchase as a state machine: reservation → wallet → mined → confirmed → verified. Pure. A purchase is stored after
 * each change, so that a reload goes on where it stood and a hash that was sent is never lost.
 */
import type { Hex } from 'viem'
import { claimTrouble, type Trouble } from './trouble'

/** All that is needed to go on after a reload; amounts as text, because it is stored as JSON. */
export interface Purchase {
  readonly id: string
  readonly userId: string
  readonly offerId: string
  readonly sellerId: string
  readonly community: number
  readonly deliveryStart: string
  readonly energyKwh: string
  readonly pricePerKwh: string
  readonly expiresAt: string
  readonly startedAt: string
  readonly stage: Stage
  readonly txHash?: Hex
  readonly sentAt?: string
  readonly sentAtBlock?: string
  readonly minedBlock?: string
  readonly isPosted: boolean
  /** Whether its trade can no longer lose its block. */
  readonly isFinal?: boolean
  /** The id that the trade will have on chain: by it a transaction is found whose hash the page never learned. */
  readonly expectedId: Hex
  readonly tradeKey?: string
  readonly tradeId?: string
  readonly confirmations: number
  readonly required: number | null
  readonly explorerUrl?: string
  readonly carbonKg?: string
  readonly trouble?: Trouble
}

/**
 * reserved: held, nothing asked yet · asking: the wallet shows the transaction · sent: broadcast · mined: in a block ·
 * verified: recorded from the chain · failed: ended, `trouble` says why · orphaned: its block lost, it may be mined again.
 * What goes wrong before anything is sent leaves a purchase reserved, with its trouble: it can be tried again.
 */
export type Stage = 'reserved' | 'asking' | 'sent' | 'mined' | 'verified' | 'orphaned' | 'failed'

/** Where the API says a posted claim or trade stands. */
export interface ClaimStatus {
  readonly id: string
  readonly tradeId?: string | null
  readonly txHash?: string | null
  readonly status: 'pending' | 'confirmed' | 'final' | 'failed' | 'orphaned'
  readonly reason?: string | null
  readonly confirmations: number
  readonly requiredConfirmations: number | null
  readonly explorerUrl?: string | null
  readonly carbonSavedKg: string
}

export type Happened =
  | { readonly type: 'asked' }
  | { readonly type: 'sent'; readonly txHash: Hex; readonly at: string; readonly block?: string }
  | { readonly type: 'mined'; readonly block: string }
  | { readonly type: 'replaced'; readonly txHash: Hex }
  | { readonly type: 'claimed'; readonly claim: ClaimStatus }
  | { readonly type: 'failed'; readonly trouble: Trouble }
  | { readonly type: 'lapsed' }

const ENDED: readonly Stage[] = ['verified', 'failed']

/** The purchase after something happened; what cannot happen in its stage changes nothing. */
export function after(purchase: Purchase, happened: Happened): Purchase {
  switch (happened.type) {
    case 'asked':
      return purchase.stage === 'reserved' ? untroubled({ ...purchase, stage: 'asking' }) : purchase
    case 'sent':
      if (purchase.txHash !== undefined || purchase.stage === 'failed') return purchase
      return { ...purchase, stage: 'sent', txHash: happened.txHash, sentAt: happened.at, sentAtBlock: happened.block }
    case 'mined':
      return purchase.stage === 'sent' ? { ...purchase, stage: 'mined', minedBlock: happened.block } : purchase
    case 'replaced':
      if (purchase.txHash === undefined || ENDED.includes(purchase.stage)) return purchase
      return { ...purchase, txHash: happened.txHash, isPosted: false, tradeKey: undefined }
    case 'claimed':
      return claimed(purchase, happened.claim)
    case 'failed':
      if (purchase.txHash === undefined && !ENDED.includes(purchase.stage)) return { ...purchase, stage: 'reserved', trouble: happened.trouble }
      return purchase.stage === 'verified' ? purchase : failedAt(purchase, happened.trouble)
    case 'lapsed':
      return purchase.txHash === undefined && !ENDED.includes(purchase.stage) ? failedAt(purchase, LAPSED) : purchase
  }
}

const LAPSED: Trouble = {
  code: 'purchase.lapsed',
  what: 'The reservation ran out before anything was sent.',
  advice: 'Reserve the offer again; nothing was spent.',
}

function claimed(purchase: Purchase, claim: ClaimStatus): Purchase {
  if (purchase.stage === 'verified' && claim.status !== 'orphaned') return withFacts(purchase, claim)
  const known = withFacts({ ...purchase, isPosted: true, tradeKey: claim.id }, claim)
  switch (claim.status) {
    case 'pending':
      return claim.confirmations > 0 ? untroubled({ ...known, stage: 'mined' }) : known
    case 'confirmed':
    case 'final':
      return untroubled({ ...known, stage: 'verified' })
    case 'orphaned':
      return { ...known, stage: 'orphaned' }
    case 'failed':
      return failedClaim(known, claim.reason ?? '')
  }
}

/** A dropped transaction may be mined yet: it goes on waiting, and says so. */
function failedClaim(purchase: Purchase, reason: string): Purchase {
  const trouble = claimTrouble(reason) ?? {
    code: 'trade.failed',
    what: reason || 'The chain did not log this trade.',
    advice: 'Nothing was traded. Look at the transaction in the explorer, then try again.',
  }
  return reason === 'trade.dropped' ? { ...purchase, stage: 'sent', trouble } : failedAt(purchase, trouble)
}

function withFacts(purchase: Purchase, claim: ClaimStatus): Purchase {
  return {
    ...purchase,
    tradeId: claim.tradeId ?? purchase.tradeId,
    txHash: purchase.txHash ?? (claim.txHash as Hex | null | undefined) ?? undefined,
    confirmations: Math.max(claim.confirmations, claim.status === 'orphaned' ? 0 : purchase.confirmations),
    required: claim.requiredConfirmations,
    explorerUrl: claim.explorerUrl ?? purchase.explorerUrl,
    carbonKg: claim.carbonSavedKg,
    isFinal: claim.status === 'final',
  }
}

function failedAt(purchase: Purchase, trouble: Trouble): Purchase {
  return { ...purchase, stage: 'failed', trouble }
}

function untroubled(purchase: Purchase): Purchase {
  return { ...purchase, trouble: undefined }
}

/** Whether nothing more will happen to it by itself. */
export function isEnded(purchase: Purchase): boolean {
  return ENDED.includes(purchase.stage)
}

const WATCHED_MS = 24 * 3_600_000

/** Whether its trade is asked for: until it is final, because a verified trade may lose its block; for a day at most. */
export function isWatched(purchase: Purchase, nowMs: number): boolean {
  if (!isEnded(purchase)) return true
  return purchase.stage === 'verified' && purchase.isFinal !== true && nowMs - Date.parse(purchase.startedAt) < WATCHED_MS
}

/** Whether its hash is known and the API has not taken it yet: it must be posted, again and again if need be. */
export function isUnposted(purchase: Purchase): boolean {
  return purchase.txHash !== undefined && !purchase.isPosted && purchase.stage !== 'failed'
}

/** The id of the trade that a wallet logs with a nonce: `caller << 96 | nonce << 16` (index 0 in its transaction). */
export function tradeIdOf(caller: Hex, nonce: bigint): Hex {
  return `0x${((BigInt(caller) << 96n) | (nonce << 16n)).toString(16).padStart(64, '0')}`
}

export type StepState = 'waiting' | 'active' | 'done' | 'failed'

export interface Step {
  readonly key: 'signed' | 'submitted' | 'mined' | 'confirmed' | 'verified'
  readonly label: string
  readonly state: StepState
}

const REACHED: Readonly<Record<Exclude<Stage, 'failed'>, number>> = {
  reserved: 0, asking: 0, sent: 2, mined: 3, orphaned: 2, verified: 5,
} // prettier-ignore

/** The steps as they are shown: signed → submitted → mined → n/N confirmations → Blockchain verified. */
export function stepsOf(purchase: Purchase): Step[] {
  const reached = purchase.stage === 'failed' ? reachedBeforeFailure(purchase) : REACHED[purchase.stage]
  const counted = purchase.required === null ? 'final block' : `${Math.min(purchase.confirmations, purchase.required)}/${purchase.required} confirmations`
  const labels: readonly (readonly [Step['key'], string])[] = [
    ['signed', 'Signed'],
    ['submitted', 'Submitted'],
    ['mined', 'Mined'],
    ['confirmed', reached >= 3 ? counted : 'Confirmations'],
    ['verified', 'Blockchain verified'],
  ]
  return labels.map(([key, label], place) => {
    if (place < reached) return { key, label, state: 'done' }
    if (place > reached) return { key, label, state: 'waiting' }
    return { key, label, state: stateReached(purchase) }
  })
}

function stateReached({ stage, trouble }: Purchase): StepState {
  if (stage === 'failed') return 'failed'
  if (stage !== 'reserved') return 'active'
  return trouble === undefined ? 'waiting' : 'failed'
}

function reachedBeforeFailure(purchase: Purchase): number {
  if (purchase.txHash === undefined) return 0
  return purchase.minedBlock === undefined && purchase.confirmations === 0 ? 2 : 3
}
