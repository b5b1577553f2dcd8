// SPDX-License-Identifier: Apache-2.0
/** Proof bundles: the same files that `gridx verify` is tested with hold here, and a change of any field is refused. */
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { askNode, missingBlocks, outcomeOf, trustHashes, type ChainNode } from './anchoring'
import { isList, isObject, parseExact, seal, type Json, type JsonObject } from './canonical'
import { checkBundle, neededBlocks } from './check'

const NAMES = ['filled', 'second', 'confirmed', 'alone'] as const
type Name = (typeof NAMES)[number]
type Route = readonly (string | number)[]

/** A bundle that was made once on a local chain. */
function load(name: Name): JsonObject {
  const file = new URL(`../../../../tests/backend/audit/vectors/${name}.json`, import.meta.url)
  return parseExact(readFileSync(file, 'utf8')) as JsonObject
}

function* leaves(value: Json, route: Route = []): Generator<[Route, Json]> {
  if (isObject(value)) for (const name of Object.keys(value)) yield* leaves(value[name] ?? null, [...route, name])
  else if (isList(value)) for (const [place, item] of value.entries()) yield* leaves(item, [...route, place])
  else yield [route, value]
}

type Holder = Record<string | number, Json>

/** A copy with another value at `route`. */
function changed(bundle: JsonObject, route: Route, value: Json): JsonObject {
  const copy = structuredClone(bundle)
  const holder = route.slice(0, -1).reduce<unknown>((inner, step) => (inner as Holder)[step], copy) as Holder
  holder[route.at(-1) ?? ''] = value
  return copy
}

/** Values of the same look that differ. */
function others(value: Json): (string | number | boolean | null)[] {
  if (typeof value === 'boolean') return [!value, null]
  if (value === null) return [1, '1', true]
  if (typeof value === 'number') return [value + 1, null]
  const text = value as string
  if (!text.startsWith('0x') || text.length < 3) return [`${text}1`]
  const at = text.length >> 1
  const flipped = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1)
  return [flipped]
}

const sealed = (bundle: JsonObject): JsonObject => ({ ...bundle, digest: seal(bundle) })
const UNPROVABLE = ['chain.network', 'chain.genesisHash', 'stated.status', 'stated.deliveredWh', 'digest']
const isProvable = (bundle: JsonObject, route: Route) => {
  const name = route.join('.')
  const without = isList(bundle.transfers) && bundle.transfers.length === 0
  const isLoose = UNPROVABLE.includes(name) || (name === 'database.cycle' && without)
  return !isLoose && !(name === 'chain.salt' && isList(bundle.documents) && bundle.documents.length === 0)
}

describe.each(NAMES)('the bundle %s', (name) => {
  test('holds', async () => {
    const bundle = load(name)

    const verdict = await checkBundle(bundle)

    expect(verdict.falsehoods).toEqual([])
    expect(verdict.checked).toEqual(['digest', 'evidence', 'trade'])
    expect(verdict.trade?.tradeId).toBe((bundle.trade as JsonObject).tradeId)
  })

  test('is false when any field is changed and the bundle sealed again', { timeout: 60_000 }, async () => {
    const bundle = load(name)

    for (const [route, value] of leaves(bundle)) {
      if (route[0] === 'evidence' && name === 'second') continue // of the same form as in `filled`
      for (const other of isProvable(bundle, route) ? others(value) : []) {
        const verdict = await checkBundle(sealed(changed(bundle, route, other)))
        expect(verdict.falsehoods, `${route.join('.')} = ${String(other)}`).not.toEqual([])
      }
    }
  })
})

test('a change that is not sealed again breaks the seal', async () => {
  const verdict = await checkBundle(changed(load('filled'), ['stated', 'deliveredWh'], '2001'))

  expect(verdict.falsehoods.map((falsehood) => falsehood.field)).toEqual(['digest'])
})

test('a forged amount is named with both values', async () => {
  const forged = sealed(changed(load('filled'), ['database', 'energyWh'], '9999'))

  const verdict = await checkBundle(forged)

  expect(verdict.falsehoods).toEqual([{ field: 'database.energyWh', says: '9999', evidence: '2000' }])
})

test.each(['evidence', 'trade', 'claim', 'database', 'transfers', 'documents', 'stated', 'chain'])(
  'a bundle without %s is false',
  async (key) => {
    const rest = Object.entries(load('second')).filter(([name]) => name !== key)

    expect((await checkBundle(sealed(Object.fromEntries(rest)))).falsehoods).not.toEqual([])
  },
)

test.each([null, 3, [], {}, { format: 'gridx-proof-1' }, { format: 'gridx-proof-2' }])(
  'what is no bundle at all is false',
  async (garbage) => {
    expect((await checkBundle(garbage as Json)).falsehoods).not.toEqual([])
  },
)

test('evidence of another trade is false', async () => {
  const evidence = load('second').evidence as readonly Json[]
  const own = load('filled').evidence as readonly Json[]

  const verdict = await checkBundle(sealed({ ...load('filled'), evidence: [...evidence.slice(0, 1), ...own.slice(1)] }))

  expect(verdict.falsehoods.map((falsehood) => falsehood.field)).toContain('trade.tradeId')
})

test('without the confirmation nothing is claimed', async () => {
  const bundle = load('confirmed')
  const evidence = (bundle.evidence as readonly JsonObject[]).filter((item) => item.role !== 'confirmation')

  const verdict = await checkBundle(sealed({ ...bundle, evidence }))

  expect(verdict.falsehoods.map((falsehood) => falsehood.field)).toContain('claim.consented')
})

describe('a true bundle', () => {
  test('is only consistent while nobody vouches for its block', async () => {
    const verdict = await checkBundle(load('filled'))

    expect(outcomeOf(verdict, [])).toBe('consistent')
    expect([...missingBlocks(verdict, []).keys()]).toEqual(['trade'])
  })

  test('is proven by the hash of its block from elsewhere', async () => {
    const verdict = await checkBundle(load('filled'))
    const hash = verdict.blocks.get('trade')?.hash ?? ''

    expect(outcomeOf(verdict, [trustHashes(verdict, [hash.toUpperCase().replace('0X', '0x')])])).toBe('proven')
    expect(outcomeOf(verdict, [trustHashes(verdict, [`0x${'07'.repeat(32)}`])])).toBe('false')
  })

  test('needs the blocks of consent and factor too where the other party agreed later', async () => {
    const verdict = await checkBundle(load('confirmed'))
    const hashes = [...neededBlocks(verdict).values()].map((block) => block.hash)

    expect([...neededBlocks(verdict).keys()].sort()).toEqual(['confirmation', 'factor', 'trade'])
    expect(outcomeOf(verdict, [trustHashes(verdict, [verdict.blocks.get('trade')?.hash ?? ''])])).toBe('consistent')
    expect(outcomeOf(verdict, [trustHashes(verdict, hashes)])).toBe('proven')
  })

  test('is proven by a node of the reader that holds its blocks, refuted by one that does not', async () => {
    const bundle = load('confirmed')
    const chain = bundle.chain as JsonObject
    const verdict = await checkBundle(bundle)
    const blocks = new Map([...verdict.blocks.values()].map((block) => [Number(block.number), block.hash as string]))
    blocks.set(0, chain.genesisHash as string)
    const held = await askNode(verdict, chain, nodeWith(31337, blocks))
    const other = await askNode(verdict, chain, nodeWith(31337, new Map([[0, chain.genesisHash as string]])))
    const elsewhere = await askNode(verdict, chain, nodeWith(137, blocks))
    const away = await askNode(verdict, chain, { name: 'away', request: () => Promise.reject(new Error('no answer')) })

    expect([held, other, elsewhere, away].map((learned) => outcomeOf(verdict, [learned]))).toEqual([
      'proven', 'false', 'false', 'consistent',
    ])
    expect(elsewhere.falsehoods[0]?.field).toBe('chain.chainId')
    expect(away.notes).toEqual(['no answer'])
  })
})

function nodeWith(chainId: number, blocks: ReadonlyMap<number, string>): ChainNode {
  return {
    name: 'own node',
    request: (method, params) => {
      if (method === 'eth_chainId') return Promise.resolve(`0x${chainId.toString(16)}`)
      const hash = blocks.get(Number(params[0]))
      return Promise.resolve(hash ? { hash } : null)
    },
  }
}
