// SPDX-License-Identifier: Apache-2.0
/** Where a trade stands: as a badge, and as steps from the transaction to the settled delivery. */
import type { Schemas } from '@/shared/api'
import { formatDateTime } from '@/shared/format'
import type { Step, Tone } from '@/shared/ui'

export type Trade = Schemas['TradeOut']

interface Badge {
  tone: Tone
  words: string
}

/** The state in two words. */
export function badgeOf(trade: Trade): Badge {
  switch (trade.status) {
    case 'pending':
      return { tone: 'info', words: 'Pending' }
    case 'failed':
      return { tone: 'danger', words: 'Failed' }
    case 'orphaned':
      return { tone: 'warning', words: 'Block replaced' }
    case 'confirmed':
      return trade.consented ? { tone: 'success', words: 'Blockchain verified' } : { tone: 'neutral', words: 'One party only' }
    case 'final':
      return trade.consented ? { tone: 'success', words: 'Verified, final' } : { tone: 'neutral', words: 'One party only' }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  reverted: 'The transaction was reverted by the contract: nothing was traded.',
  dropped: 'The transaction never reached a block, and another one took its place.',
  replaced: 'Another transaction with the same number was mined instead.',
  mismatched: 'The transaction logged something else than was claimed.',
}

const INELIGIBLE: Readonly<Record<string, string>> = {
  no_consent: 'Only one party logged it. Once the other confirms it on chain, it counts and earns carbon.',
  unknown_meter: 'A meter was not enrolled when the trade was agreed.',
  meter_of_another: 'A meter belongs to somebody else than the party.',
  another_community: 'The meters are in different communities.',
  unknown_factor: 'No emission factor was valid for this delivery.',
  average_factor: 'Its factor describes average emissions, which no avoided-emission claim may use.',
  same_user: 'Both wallets belong to one person.',
}

/** Why a trade failed. */
export const failureWords = (reason: string | null | undefined): string =>
  (reason && REASONS[reason.toLowerCase()]) ?? reason ?? 'The transaction did not log the trade.'

/** Why a trade earns no carbon; null when it does. */
export const ineligibleWords = (reason: string | null | undefined): string | null => (reason ? (INELIGIBLE[reason] ?? reason) : null)

const SHORTFALLS: Readonly<Record<string, string>> = {
  oversold: 'The seller exported less than was sold.',
  not_imported: 'The buyer imported less than was bought.',
  no_reading: 'Readings were missing when the interval closed.',
}

/** Why less was delivered than traded. */
export const shortfallWords = (shortfall: string | null | undefined): string | null =>
  shortfall ? (SHORTFALLS[shortfall] ?? shortfall) : null

const needed = (trade: Trade) => trade.requiredConfirmations ?? null

/** `2/2 confirmations`, or what is waited for where the chain's own finalized block decides. */
export function confirmationWords(trade: Trade): string {
  const wanted = needed(trade)
  if (wanted === null) return `${trade.confirmations} blocks deep; waiting for the chain’s finalized block`
  return `${Math.min(trade.confirmations, wanted)}/${wanted} confirmations`
}

/** The steps of a trade, from its transaction to its delivery. */
export function stepsOf(trade: Trade): Step[] {
  if (trade.status === 'failed') {
    return [{ label: 'Transaction sent', state: 'done' }, { label: 'Logged on chain', state: 'failed', note: failureWords(trade.reason) }]
  }
  const isRecorded = trade.status === 'confirmed' || trade.status === 'final'
  const isMined = isRecorded || trade.confirmations > 0
  const isLost = trade.status === 'orphaned'
  const steps: Step[] = [
    {
      label: 'Logged on chain',
      state: isLost ? 'failed' : isMined ? 'done' : 'active',
      note: isLost
        ? 'The block that held it lost against another one; whatever it had earned was taken back.'
        : trade.blockNumber
          ? `Block ${trade.blockNumber.toLocaleString('en')}${trade.blockTime ? `, ${formatDateTime(trade.blockTime)}` : ''}`
          : 'Waiting for a block',
    },
    { label: isRecorded && trade.consented ? 'Blockchain verified' : 'Confirmed', state: isRecorded ? 'done' : isLost ? 'waiting' : 'active', note: isLost ? undefined : confirmationWords(trade) },
    {
      label: 'Final',
      state: trade.status === 'final' ? 'done' : trade.status === 'confirmed' ? 'active' : 'waiting',
      note: trade.finalAt ? `Since ${formatDateTime(trade.finalAt)}: nothing is rolled back any more` : undefined,
    },
  ]
  if (trade.consented && !isLost) steps.push(deliveryStep(trade))
  return steps
}

function deliveryStep(trade: Trade): Step {
  if (trade.settledAt) {
    return { label: 'Delivered and settled', state: 'done', note: shortfallWords(trade.shortfall) ?? `${trade.deliveredKwh ?? '0'} kWh by meter readings` }
  }
  return { label: 'Delivered and settled', state: trade.status === 'final' ? 'active' : 'waiting', note: 'Once the readings of both meters are in' }
}

/** Whether something about the trade may still change soon, so that it is worth asking again. */
export const isMoving = (trade: Trade): boolean => trade.status === 'pending' || trade.status === 'confirmed'
