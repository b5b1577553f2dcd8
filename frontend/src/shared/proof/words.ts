// SPDX-License-Identifier: Apache-2.0
/** What a check found, in words. */
import { formatCarbon, formatDateTime, formatEnergy, groupedText } from '@/shared/format'
import { canonical, type Json } from './canonical'
import type { Falsehood, Part, Verdict } from './check'

const PARTS: Readonly<Record<string, string>> = {
  format: 'File format',
  digest: 'Seal of the bundle',
  chain: 'Chain',
  trade: 'Trade',
  claim: 'Carbon claim',
  factor: 'Emission factor',
  database: 'GridX’s record',
  transfers: 'Carbon transfers',
  documents: 'Signed documents',
  stated: 'Stated by GridX alone',
}
const ROLES: Readonly<Record<string, string>> = {
  trade: 'the trade',
  sellerMeter: 'the seller’s meter',
  buyerMeter: 'the buyer’s meter',
  factor: 'the emission factor',
  confirmation: 'the other party’s agreement',
}
const FIELDS: Readonly<Record<string, string>> = {
  tradeId: 'trade id',
  energyWh: 'energy',
  pricePerKwh: 'price',
  carbonSavedGrams: 'carbon computed by the contract',
  claimGrams: 'grams claimed',
  timestamp: 'time',
  txHash: 'transaction hash',
  blockHash: 'block hash',
  blockNumber: 'block number',
  chainId: 'chain id',
  genesisHash: 'genesis block',
  factorId: 'factor',
  mgPerKwh: 'mg CO₂e per kWh',
  deliveryStart: 'start of delivery',
  deliveryMinutes: 'length of delivery',
  sellerMeter: 'seller’s meter',
  buyerMeter: 'buyer’s meter',
  documentHash: 'hash of the source document',
  receiptPath: 'path to the receipt',
  transactionPath: 'path to the transaction',
}

/** Where a block is needed for: `the trade`, `the emission factor`. */
export const roleWords = (role: string): string => ROLES[role] ?? role

/** A falsehood's field as people read it: `GridX’s record: energy`. */
export function fieldWords(field: string): string {
  const evidence = /^evidence (\w+)(?:: (.*))?$/.exec(field)
  if (evidence) return [`Evidence of ${roleWords(evidence[1] ?? '')}`, evidence[2] && nameOf(evidence[2])].filter(Boolean).join(': ')
  const [part = '', rest = ''] = field.split(/\.|: /, 2)
  const whole = PARTS[part] ?? nameOf(part)
  return rest ? `${whole}: ${nameOf(rest)}` : whole
}

const nameOf = (name: string) => FIELDS[name] ?? name.replace(/([A-Z])/g, ' $1').toLowerCase()

/** A value of a bundle for people; hashes and unknown things stay as they are. */
export function valueWords(field: string, value: Json | undefined): string {
  if (value === undefined) return '–'
  if (value === null) return 'nothing'
  const name = field.split(/\.|: /).at(-1) ?? ''
  const text = typeof value === 'string' ? value : canonical(value)
  const isWhole = /^\d{1,20}$/.test(text)
  if (isWhole && name === 'energyWh') return formatEnergy(BigInt(text))
  if (isWhole && (name.endsWith('Grams') || ['earned', 'released', 'reduced', 'reversed'].includes(name))) return formatCarbon(BigInt(text))
  if (isWhole && name === 'pricePerKwh') return `${groupedText(BigInt(text), 6, 6)} per kWh`
  if (isWhole && (name === 'timestamp' || name === 'deliveryStart')) return formatDateTime(Number(text) * 1000)
  return text
}

/** What stands behind each part that was checked. */
export const CHECKS: readonly { part: Part; title: string; text: string }[] = [
  { part: 'digest', title: 'The file is whole', text: 'Its seal, a hash over everything in it, was computed again.' },
  {
    part: 'evidence',
    title: 'The events lie in their blocks',
    text: 'Each header was hashed; from it a Merkle–Patricia path leads to the transaction and to the receipt with the event.',
  },
  {
    part: 'trade',
    title: 'GridX says what the contract said',
    text: 'The trade was rebuilt from the events: parties, energy, price, consent, factor and carbon; then compared with GridX’s record and every transfer of carbon.',
  },
]

/** `done`, `failed`, or `skipped` when an earlier part already failed. */
export function partState(verdict: Verdict, part: Part): 'done' | 'failed' | 'skipped' {
  if (verdict.checked.includes(part)) return 'done'
  if (part === 'trade' && !verdict.checked.includes('evidence')) return 'skipped'
  return 'failed'
}

/** One line for a falsehood: `GridX’s record: energy is 9.99 kWh, the evidence says 2.00 kWh`. */
export function falsehoodWords({ field, says, evidence, note }: Falsehood): string {
  const head = fieldWords(field)
  if (evidence === undefined) return note ? `${head}: ${note}` : head
  return `${head} is ${valueWords(field, says)}, the evidence says ${valueWords(field, evidence)}`
}
