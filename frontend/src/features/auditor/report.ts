// SPDX-License-Identifier: Apache-2.0
/** A report (`gridx-audit-1`) and a run's progress, in words. */
import type { Run } from './queries'

export interface Difference {
  code: string
  subject: string
  field: string
  expected: string | boolean | null
  found: string | boolean | null
  note: string
}

/** The parts of a report that are shown. */
export interface Report {
  verdict: string
  seconds: number
  finishedAt: string
  agreeingNodes: readonly string[]
  finalBlock: number
  finalHash: string
  finalAgeSeconds: number
  historyCount: number
  historyHead: string
  everyHeaderChecked: boolean
  operator: string | null
  trades: number
  consentedTrades: number
  energyWh: number
  claimG: number
  documents: number
  notYetFinal: number
  receiptsCleared: number
  earlierCheckpoints: number
  differences: number
  differencesByCode: Readonly<Record<string, number>>
  listedDifferences: readonly Difference[]
  deployment: { address: string; chainId: number; genesisHash: string }
}

const STEPS: Readonly<Record<string, string>> = {
  chain: 'Reading the chain, block by block',
  registers: 'Meters, communities and factors',
  observations: 'Every log that was observed',
  trades: 'Every trade and its consent',
  receipts: 'Clearing every receipt again',
  documents: 'Signed documents',
  balances: 'Carbon balances',
  intervals: 'Deliveries and money',
  transfers: 'Transfers, boards and statistics',
}

const CODES: Readonly<Record<string, string>> = {
  'trade.tampered': 'A recorded trade says something else than the chain',
  'trade.missing': 'A trade on chain is not recorded',
  'trade.extra': 'A recorded trade is not on chain',
  'trade.orphan_not_shown': 'A trade whose block lost is not shown as such',
  'observation.tampered': 'A stored log was changed',
  'observation.missing': 'A log of the chain was not observed',
  'observation.extra': 'A stored log is not on the chain',
  'register.tampered': 'A meter, community or factor was changed',
  'register.missing': 'A meter, community or factor is missing',
  'register.extra': 'A meter, community or factor is not on chain',
  'balance.wrong': 'A carbon balance is wrong',
  'ledger.wrong_transfer': 'A transfer of carbon is wrong',
  'ledger.unfounded_transfer': 'A transfer of carbon has no ground',
  'document.forged': 'A signed document is forged',
  'document.chain_broken': 'A document is missing from its chain',
  'delivery.wrong': 'A delivery does not follow from the readings',
  'reading.forged': 'A signed reading is forged',
  'money.wrong': 'An amount of money is wrong',
  'leaderboard.wrong': 'The leaderboard is wrong',
  'statistics.wrong': 'Statistics are wrong',
  'history.truncated': 'The node’s history is shorter than known',
  'history.head_mismatch': 'The history is not the one that the contract committed to',
  'checkpoint.contradicted': 'An earlier report is contradicted',
  'node.disagree': 'Nodes disagree',
}

export const stepWords = (step: string): string => STEPS[step] ?? step
export const codeWords = (code: string): string => CODES[code] ?? code

/** How much of a run is done, 0 to 1: reading the chain is the first half, each comparison a part of the other. */
export function progressOf(run: Run): number {
  if (run.state === 'done') return 1
  if (run.state === 'queued' || run.step === null) return 0
  const place = run.steps.indexOf(run.step)
  if (place <= 0) return 0.5 * (run.stepTotal > 0 ? run.stepDone / run.stepTotal : 0)
  return 0.5 + (0.5 * (place - 1)) / Math.max(1, run.steps.length - 1)
}

/** What a run is doing, in words. */
export function runWords(run: Run): string {
  if (run.state === 'queued') return 'Waiting for a worker'
  if (run.state === 'failed') return run.failure ?? 'Failed'
  if (run.state === 'done') return run.differences === 0 ? 'No difference' : `${run.differences ?? 0} differences`
  if (run.step === 'chain') return `${stepWords('chain')}: ${run.stepDone.toLocaleString('en')} of ${run.stepTotal.toLocaleString('en')}`
  return run.step === null ? 'Starting' : stepWords(run.step)
}

/** A value of a difference; null is nothing at all. */
export const valueWords = (value: Difference['expected']): string => (value === null ? 'nothing' : String(value))
