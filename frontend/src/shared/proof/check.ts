// SPDX-License-Identifier: Apache-2.0
/**
 * Checks a proof bundle (format `gridx-proof-1`) with nothing but the bundle: the same rules as `gridx verify`.
 *
 * `checkBundle` says what is false. A bundle without falsehood is consistent with the blocks that it names; whether
 * these are blocks of the real chain must be learned elsewhere (`anchoring.ts`), because anyone can make up a header.
 */
import type { Hex } from 'viem'
import { chainOf, decodeHeader, decodeReceipt, type RawLog } from './block'
import { isList, isObject, plain, seal, textOf, type Json, type JsonObject } from './canonical'
import { Forged, numeric, orderedBy } from './documents'
import { BadEncoding, bytesOf, hexOf, keccak } from './encoding'
import { decodeEvent } from './events'
import { claimFacts, factorFacts, tradeFacts } from './facts'
import { History, isAfter, type Factor, type PlacedLog, type Trade } from './history'
import { checkLedger, type Entry } from './ledger'
import { valueAt } from './patricia'

export const FORMAT = 'gridx-proof-1'
const KEYS = [
  'format', 'chain', 'evidence', 'trade', 'claim', 'factor', 'database', 'transfers', 'documents', 'stated', 'digest',
]
const ROLES: Readonly<Record<string, string>> = {
  trade: 'EnergyTradeLogged',
  sellerMeter: 'MeterEnrolled',
  buyerMeter: 'MeterEnrolled',
  factor: 'EmissionFactorRegistered',
  confirmation: 'EnergyTradeConfirmed',
}
const WITH_TRANSACTION = ['trade', 'confirmation']
const SAME_USER = 'same_user'
const STATES: readonly Json[] = ['CONFIRMED', 'FINAL', 'ORPHANED']
const NO_HASH: Hex = `0x${'00'.repeat(32)}`

/** One thing that is false: which field, what the bundle says of it, what the evidence says. */
export interface Falsehood {
  readonly field: string
  readonly says?: Json
  readonly evidence?: Json
  readonly note?: string
}

/** A block that a bundle names. */
export interface NamedBlock {
  readonly number: bigint
  readonly hash: Hex
}

/** The parts that are checked, in their order. */
export type Part = 'digest' | 'evidence' | 'trade'

/** What a bundle holds up to. `blocks` maps role to block; `checked` names the parts without falsehood. */
export interface Verdict {
  readonly falsehoods: Falsehood[]
  readonly checked: Part[]
  readonly blocks: Map<string, NamedBlock>
  trade: Trade | null
}

/** The blocks that must be of the real chain: the trade's and, where the other party agreed later, those of that. */
export function neededBlocks(verdict: Verdict): Map<string, NamedBlock> {
  const names = verdict.trade?.consent ? ['trade', 'confirmation', 'factor'] : ['trade']
  return new Map([...verdict.blocks].filter(([role]) => names.includes(role)))
}

/** Check everything that can be checked offline. */
export async function checkBundle(bundle: Json): Promise<Verdict> {
  const verdict: Verdict = { falsehoods: [], checked: [], blocks: new Map(), trade: null }
  if (!isObject(bundle) || bundle.format !== FORMAT) {
    verdict.falsehoods.push({ field: 'format', note: `not ${FORMAT}` })
    return verdict
  }
  if (Object.keys(bundle).sort().join() !== [...KEYS].sort().join()) {
    verdict.falsehoods.push({ field: 'format', note: 'keys are missing or unknown' })
    return verdict
  }
  await attempt(verdict, 'digest', () => same('digest', seal(bundle), bundle.digest))
  if (await attempt(verdict, 'evidence', () => checkEvidence(bundle, verdict))) {
    await attempt(verdict, 'trade', () => checkContent(bundle, verdict))
  }
  return verdict
}

type Findings = Iterable<Falsehood> | AsyncIterable<Falsehood>

/** Collect what is false; a part that cannot be read at all is false as a whole. */
async function attempt(verdict: Verdict, part: Part, work: () => Findings): Promise<boolean> {
  const before = verdict.falsehoods.length
  try {
    for await (const falsehood of work()) verdict.falsehoods.push(falsehood)
  } catch (error) {
    if (!isBroken(error)) throw error
    verdict.falsehoods.push({ field: part, note: error.message })
  }
  const holds = verdict.falsehoods.length === before
  if (holds) verdict.checked.push(part)
  return holds
}

const isBroken = (error: unknown): error is Error =>
  error instanceof BadEncoding || error instanceof Forged || error instanceof TypeError || error instanceof RangeError

function* same(field: string, evidence: Json, says: Json | undefined): Generator<Falsehood> {
  if (evidence !== says) yield { field, says: says ?? null, evidence }
}

const hexList = (items: readonly Uint8Array[]): readonly Hex[] => items.map(hexOf)

function object(value: Json | undefined, name: string): JsonObject {
  if (!isObject(value)) throw new BadEncoding(`${name}: no object`)
  return value
}

function list(value: Json | undefined, name: string): readonly Json[] {
  if (!isList(value)) throw new BadEncoding(`${name}: no list`)
  return value
}

function* checkEvidence(bundle: JsonObject, verdict: Verdict): Generator<Falsehood> {
  const chain = object(bundle.chain, 'chain')
  const items = list(bundle.evidence, 'evidence').map((item) => object(item, 'evidence'))
  const roles = items.map((item) => textOf(item.role, 'role'))
  const known = roles.every((role) => Object.hasOwn(ROLES, role))
  if (roles[0] !== 'trade' || new Set(roles).size !== roles.length || !known) {
    yield { field: 'evidence', note: 'roles are missing, repeated or unknown' }
    return
  }
  for (const item of items) {
    let count = 0
    for (const falsehood of checkItem(item, chain)) {
      count += 1
      yield falsehood
    }
    if (count === 0) {
      const hash = hexOf(bytesOf(item.blockHash, 32))
      verdict.blocks.set(textOf(item.role, 'role'), { number: numeric(item.blockNumber), hash })
    }
  }
}

function* checkItem(item: JsonObject, chain: JsonObject): Generator<Falsehood> {
  const name = `evidence ${textOf(item.role, 'role')}`
  const header = decodeHeader(bytesOf(item.header))
  yield* same(`${name}: blockHash`, hexOf(header.hash), item.blockHash)
  yield* same(`${name}: blockNumber`, plain(header.number), item.blockNumber)
  const index = placeOf(item.txIndex)
  if (index === null) {
    yield { field: `${name}: txIndex`, note: 'no index' }
    return
  }
  yield* checkTransaction(item, name, index, header.transactionsRoot, chain)
  const path = list(item.receiptPath, `${name}: receiptPath`).map((node) => bytesOf(node))
  const receipt = valueAt(header.receiptsRoot, index, path)
  yield* same(`${name}: receipt`, hexOf(receipt), item.receipt)
  const decoded = decodeReceipt(receipt)
  if (!decoded.succeeded) yield { field: name, note: 'the transaction was reverted' }
  const place = placeOf(item.place)
  const log = place === null ? undefined : decoded.logs[place]
  if (!log) yield { field: `${name}: place`, note: 'the receipt has no such log' }
  else yield* checkLog(item, name, log, chain)
}

const placeOf = (value: Json | undefined) => (typeof value === 'number' && value >= 0 ? value : null)

function* checkTransaction(
  item: JsonObject, name: string, index: number, root: Uint8Array, chain: JsonObject,
): Generator<Falsehood> {
  if (!WITH_TRANSACTION.includes(textOf(item.role, 'role'))) {
    for (const field of ['txHash', 'transaction', 'transactionPath']) yield* same(`${name}: ${field}`, null, item[field])
    return
  }
  const path = list(item.transactionPath, `${name}: transactionPath`).map((node) => bytesOf(node))
  const transaction = valueAt(root, index, path)
  yield* same(`${name}: transaction`, hexOf(transaction), item.transaction)
  yield* same(`${name}: txHash`, hexOf(keccak(transaction)), item.txHash)
  yield* same(`${name}: chainId`, plain(chainOf(transaction)), chain.chainId)
}

function* checkLog(item: JsonObject, name: string, log: RawLog, chain: JsonObject): Generator<Falsehood> {
  yield* same(`${name}: address of the log`, hexOf(log.address), chain.contract)
  const topics = list(item.topics, `${name}: topics`).map((topic) => textOf(topic, 'topic'))
  if (topics.join() !== hexList(log.topics).join()) {
    yield { field: `${name}: topics`, says: topics, evidence: hexList(log.topics) }
  }
  yield* same(`${name}: data`, hexOf(log.data), item.data)
  const event = decodeEvent(log.topics, log.data)
  if (event.name !== ROLES[textOf(item.role, 'role')]) yield { field: name, note: `the event is ${event.name}` }
}

/** The trade that evidence adds up to, and the factor of its claim. Throws BadEncoding. */
export function rebuildFrom(evidence: readonly JsonObject[]): [Trade, Factor | null] {
  const history = new History()
  const logs = evidence.map((item) => [textOf(item.role, 'role'), placedLog(item)] as const)
  for (const [, log] of [...logs].sort(([, one], [, other]) => (isAfter(one, other) ? 1 : -1))) history.take(log)
  const logged = logs.find(([role]) => role === 'trade')
  if (!logged) throw new BadEncoding('there is no evidence of a trade')
  const trade = history.judge(logged[1])
  return [trade, trade.consented ? (history.factors.get(trade.factorId) ?? null) : null]
}

function placedLog(item: JsonObject): PlacedLog {
  const header = decodeHeader(bytesOf(item.header))
  return {
    blockNumber: header.number,
    blockHash: header.hash,
    time: header.time,
    txHash: hexOf(bytesOf(item.txHash ?? NO_HASH, 32)),
    txIndex: Number(numeric(item.txIndex)),
    place: Number(numeric(item.place)),
    topics: list(item.topics, 'topics').map((topic) => bytesOf(topic, 32)),
    data: bytesOf(item.data),
  }
}

async function* checkContent(bundle: JsonObject, verdict: Verdict): AsyncGenerator<Falsehood> {
  const [trade, factor] = rebuildFrom(list(bundle.evidence, 'evidence').map((item) => object(item, 'evidence')))
  verdict.trade = trade
  const stamped = decodeEvent(trade.log.topics, trade.log.data).values.timestamp as bigint
  yield* same('trade: timestamp of the event', plain(trade.log.time), plain(stamped))
  if ((trade.kind === 1n || trade.kind === 2n) && trade.reason === null) {
    yield* same('claim: grams that the contract computed', trade.claimG.toString(), trade.carbonLoggedG.toString())
  }
  yield* parts('trade', tradeFacts(trade), bundle.trade)
  yield* parts('claim', claimFacts(trade), bundle.claim)
  if (factor === null) yield* same('factor', null, bundle.factor)
  else yield* parts('factor', factorFacts(factor), bundle.factor)
  const row = object(bundle.database, 'database')
  const isRefused = row.reason === SAME_USER && trade.reason === null
  yield* parts('database', rowFacts(trade, row, isRefused), row)
  yield* checkTransfers(bundle, trade, factor, isRefused)
}

/** The database's row as the evidence has it; only `cycle` is its own. */
function rowFacts(trade: Trade, row: JsonObject, isRefused: boolean): JsonObject {
  return {
    ...tradeFacts(trade),
    ...claimFacts(trade),
    ...(isRefused ? { reason: SAME_USER } : {}),
    blockNumber: plain(trade.log.blockNumber),
    blockHash: hexOf(trade.log.blockHash),
    txHash: trade.log.txHash,
    cycle: row.cycle ?? null,
  }
}

function* parts(name: string, expected: JsonObject, found: Json | undefined): Generator<Falsehood> {
  const given = object(found, name)
  if (Object.keys(expected).sort().join() !== Object.keys(given).sort().join()) {
    yield { field: name, note: 'keys are missing or unknown' }
    return
  }
  for (const [key, value] of Object.entries(expected)) yield* same(`${name}.${key}`, value, given[key])
}

async function* checkTransfers(
  bundle: JsonObject, trade: Trade, factor: Factor | null, refused: boolean,
): AsyncGenerator<Falsehood> {
  const stated = object(bundle.stated, 'stated')
  if (Object.keys(stated).sort().join() !== 'deliveredWh,status' || !STATES.includes(stated.status ?? null)) {
    yield { field: 'stated', note: 'no state of a trade' }
    return
  }
  const deliveredWh = stated.deliveredWh === null ? null : numeric(stated.deliveredWh)
  const documents = list(bundle.documents, 'documents')
  const entries = list(bundle.transfers, 'transfers').map((item) => entryOf(object(item, 'transfers')))
  const named = new Set(entries.map((entry) => entry.document).filter((place) => place !== null))
  if (named.size !== documents.length || documents.some((_, place) => !named.has(place))) {
    yield { field: 'documents', note: 'not those that the transfers name' }
    return
  }
  const cycle = Number(numeric(object(bundle.database, 'database').cycle))
  const booked = { status: textOf(stated.status, 'status'), cycle, deliveredWh, refused }
  for (const [what, expected, found] of checkLedger(trade, booked, entries, factor?.mgPerKwh ?? 0n)) {
    yield { field: `transfers: ${what}`, says: String(found), evidence: String(expected) }
  }
  yield* checkDocuments(documents, entries, trade, object(bundle.chain, 'chain'))
}

async function* checkDocuments(
  documents: readonly Json[], entries: readonly Entry[], trade: Trade, chain: JsonObject,
): AsyncGenerator<Falsehood> {
  for (const [place, document] of documents.entries()) {
    const ordered = await orderedBy(document, chain)
    for (const entry of entries.filter((entry) => entry.document === place)) {
      const isOrdered = ordered.some(
        (item) => item.tradeId === trade.tradeId && item.cycle === entry.cycle && item.grams === entry.grams,
      )
      if (!isOrdered) {
        yield { field: 'documents', note: `document ${place} does not order ${entry.kind} ${entry.grams} g` }
      }
    }
  }
  for (const entry of entries) {
    if ((entry.kind === 'reduced') !== (entry.document !== null)) {
      yield { field: `transfers: ${entry.kind}`, note: 'and its document' }
    }
  }
}

function entryOf(item: JsonObject): Entry {
  const document = item.document === null ? null : Number(numeric(item.document))
  return {
    kind: textOf(item.kind, 'kind'),
    debit: hexOf(bytesOf(item.debit)),
    debitBucket: item.debitBucket,
    credit: hexOf(bytesOf(item.credit)),
    creditBucket: item.creditBucket,
    grams: numeric(item.grams),
    cycle: Number(numeric(item.cycle)),
    document,
    community: item.community,
    deliveryStart: item.deliveryStart,
  }
}
