// SPDX-License-Identifier: Apache-2.0
/** What went wrong with an order or a purchase, in plain words: refusals of the contract, of the API, of the wallet. */
import { ApiProblem } from '@/shared/api/problem'
import { explain } from '@/shared/problems'

/** What went wrong, and what to do. */
export interface Trouble {
  readonly code: string
  readonly what: string
  readonly advice: string
}

const REFUSALS: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  EnergyTradeLogPaused: ['The contract is paused: no trade can be logged now.', 'Wait for the notice that it runs again; nothing was spent but gas.'],
  EnergyTradeLogIsClosed: ['This contract was closed for good.', 'Reload the page to trade on its successor.'],
  EnergyTradeLogNotStarted: ['The contract does not take trades yet.', 'Try again when your community announces it.'],
  EnergyTradeLogSelfTrade: ['Buyer and seller are the same wallet.', 'Choose an offer of somebody else.'],
  EnergyTradeLogNonceUsed: ['This purchase was logged already.', 'Look at your trades before you buy again.'],
  EnergyTradeLogWrongTaker: ['The offer is meant for another wallet.', 'Choose an offer that is open to all.'],
  EnergyTradeLogOrderExpired: ['The offer has expired.', 'Choose another offer.'],
  EnergyTradeLogLaneRecycled: ['The seller has replaced this offer.', 'Choose another offer.'],
  EnergyTradeLogOrderCancelled: ['The seller has cancelled this offer.', 'Choose another offer.'],
  EnergyTradeLogOverfilled: ['Somebody was faster: less is left of the offer than you asked for.', 'Choose a smaller amount or another offer.'],
  EnergyTradeLogFillTooSmall: ['The offer is not sold in such small parts.', 'Buy at least the least amount of the offer.'],
  EnergyTradeLogBadSignature: ['The seller’s signature does not fit the offer.', 'Do not buy it; report it to your community’s operator.'],
  EnergyTradeLogGasTooLow: ['The transaction had too little gas.', 'Send it again and let the wallet estimate the gas.'],
  EnergyTradeLogUnknownMeter: ['The meter is not enrolled on chain.', 'Ask your community’s operator to enrol it.'],
  EnergyTradeLogNotMeterOwner: ['The meter belongs to another wallet.', 'Switch to the wallet that your meter was enrolled with.'],
  EnergyTradeLogCommunitiesDiffer: ['Buyer and seller belong to different communities.', 'Choose an offer of your own community.'],
  EnergyTradeLogUnknownFactor: ['The offer names an emission factor that does not exist.', 'Choose another offer.'],
  EnergyTradeLogFactorNotEffective: ['The offer’s emission factor is not in effect yet.', 'Try again later or choose another offer.'],
  EnergyTradeLogFactorNotValid: ['The offer’s emission factor does not cover its delivery.', 'Choose another offer.'],
  EnergyTradeLogFactorRegion: ['The offer’s emission factor is of another region.', 'Choose another offer.'],
}

const CLAIMS: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  'trade.reverted': ['The transaction was mined and refused by the contract: nothing was traded.', 'Only gas was spent. Choose another offer.'],
  'trade.replaced': ['Another transaction of your wallet took this one’s place.', 'Look at your wallet’s activity, then buy again.'],
  'trade.dropped': ['The network has forgotten the transaction.', 'It is still watched. Send it again from your wallet, or buy anew.'],
  'trade.mismatch': ['The chain says something else than this purchase.', 'Look at the transaction in the explorer; the chain’s word counts.'],
  'trade.not_ours': ['The transaction logged no trade.', 'Look at the transaction in the explorer, then buy again.'],
}

/** A problem of wallet, node or API in words. Never throws. */
export function troubleOf(problem: unknown): Trouble {
  if (!(problem instanceof ApiProblem)) return { code: 'page', what: explain(problem).title, advice: explain(problem).advice ?? 'Try again.' }
  if (problem.code === 'wallet.reverted') return refusal(String(problem.details['name']))
  if (problem.code === 'wallet.short') return shortTrouble(problem)
  const told = claimTrouble(problem.code)
  if (told !== null) return told
  const { title, advice } = explain(problem)
  return { code: problem.code, what: title, advice: advice ?? 'Try again.' }
}

function shortTrouble({ code, details }: ApiProblem): Trouble {
  const { has, needs, lacks, account } = details as Record<'has' | 'needs' | 'lacks' | 'account', string>
  return {
    code,
    what: `Your wallet has ${has}, and the transaction may cost up to ${needs}.`,
    advice: `Nothing was sent. Send at least ${lacks} to ${account}, then try again.`,
  }
}

/** Why a posted claim has failed, by the API's code; null for another reason. */
export function claimTrouble(code: string): Trouble | null {
  const words = CLAIMS[code]
  return words === undefined ? null : { code, what: words[0], advice: words[1] }
}

/** A refusal of the contract by the name of its error. */
export function refusal(name: string): Trouble {
  const [what, advice] = REFUSALS[name] ?? [
    `The contract refused: ${spaced(name)}.`,
    'Nothing was traded. Choose another offer, or ask your community’s operator.',
  ]
  return { code: `contract.${name}`, what, advice }
}

/** Names of the errors that are told in words of their own. */
export const KNOWN_REFUSALS = Object.keys(REFUSALS)

function spaced(name: string): string {
  return name.replace(/^EnergyTradeLog/, '').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}
