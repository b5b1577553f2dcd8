// SPDX-License-Identifier: Apache-2.0
/** The vectors that contract, backend and browser share: events, details, history head, typed orders, JSON numbers. */
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { hashStruct, hashTypedData, type Hex } from 'viem'
import { expect, test } from 'vitest'
import { canonical, parseExact, plain } from './canonical'
import { signerOf } from './documents'
import { BadEncoding, bytesOf, hexOf, rlpDecode, rlpOfIndex } from './encoding'
import { advance, LAYOUTS, topicOf, unpackDetails } from './events'
import { gramsOf } from './history'

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

interface Vectors {
  domain: Record<'name' | 'version' | 'chainId' | 'verifyingContract' | 'salt', string>
  orders: { order: Record<string, string | boolean>; structHash: Hex; digest: Hex; signer: Hex; signature: Hex }[]
  details: Record<string, string>[]
  carbon: { energyWh: string; mgPerKwh: string; grams: string }[]
  history: { topics: Hex[]; data: Hex; head: Hex }[]
}
const VECTORS = JSON.parse(read('tests/contracts/vectors.json')) as Vectors
const ORDER = [
  ['maker', 'address'], ['taker', 'address'], ['isBid', 'bool'], ['meter', 'uint64'], ['deliveryStart', 'uint32'],
  ['expiry', 'uint32'], ['energyWh', 'uint32'], ['minFillWh', 'uint32'], ['pricePerKwh', 'uint40'],
  ['factorId', 'uint32'], ['slot', 'uint16'], ['deliveryMinutes', 'uint16'],
].map(([name = '', type = '']) => ({ name, type }))

test('an order has the digest that the contract computes, and its signature names the maker', async () => {
  const { chainId, verifyingContract, salt, name, version } = VECTORS.domain
  const domain = { name, version, chainId: BigInt(chainId), verifyingContract: verifyingContract as Hex, salt: salt as Hex }
  for (const { order, structHash, digest, signer, signature } of VECTORS.orders) {
    const typed = { types: { Order: ORDER }, primaryType: 'Order' as const, message: order }

    expect(hashStruct({ data: order, primaryType: 'Order', types: { Order: ORDER } })).toBe(structHash)
    expect(hashTypedData({ domain, ...typed })).toBe(digest)
    expect(await signerOf(digest, bytesOf(signature))).toBe(signer.toLowerCase())
  }
})

test('a signature with high s or another parity is nobody’s', async () => {
  const [{ digest, signature } = { digest: '0x' as Hex, signature: '0x' as Hex }] = VECTORS.orders
  const bytes = bytesOf(signature, 65)
  const high = bytes.slice()
  high.fill(0xff, 32, 64)
  const odd = bytes.slice()
  odd[64] = 29

  expect(await signerOf(digest, high)).toBeNull()
  expect(await signerOf(digest, odd)).toBeNull()
})

test('details unpack to the parts that were packed', () => {
  for (const { packed, ...parts } of VECTORS.details) {
    const names = Object.entries(parts).map(([name, value]) => [camel(name), BigInt(value)] as const)

    expect(unpackDetails(BigInt(packed ?? 0))).toEqual(Object.fromEntries(names))
  }
  expect(() => unpackDetails(1n << 248n)).toThrow(BadEncoding)
})

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

test('the grams of a trade are those that the contract computes', () => {
  for (const { energyWh, mgPerKwh, grams } of VECTORS.carbon) {
    expect(gramsOf(BigInt(energyWh), BigInt(mgPerKwh))).toBe(BigInt(grams))
  }
})

test('the history head follows from each event', () => {
  let head: Uint8Array = new Uint8Array(32)
  for (const entry of VECTORS.history) {
    head = advance(head, entry.topics.map((topic) => bytesOf(topic, 32)), bytesOf(entry.data))

    expect(hexOf(head)).toBe(entry.head)
  }
})

test('the layouts of events are those of the contract’s ABI', () => {
  type Input = { name: string; type: string; indexed: boolean }
  const content = JSON.parse(read('contracts/abi/EnergyTradeLog.json')) as { abi: unknown } | unknown[]
  const abi = (Array.isArray(content) ? content : content.abi) as { type: string; name: string; inputs: Input[] }[]
  for (const layout of LAYOUTS) {
    const inputs = abi.find((entry) => entry.type === 'event' && entry.name === layout.name)?.inputs ?? []
    const of = (indexed: boolean) => inputs.filter((i) => i.indexed === indexed).map((i) => [i.name, i.type])

    expect([of(true), of(false)]).toEqual([layout.indexed, layout.words])
    expect(inputs.map((input) => input.indexed)).toEqual([...inputs].sort(indexedFirst).map((input) => input.indexed))
    expect(topicOf(layout)).toHaveLength(32)
  }
  function indexedFirst(one: Input, other: Input) {
    return Number(other.indexed) - Number(one.indexed)
  }
})

test('JSON integers are read exactly, fractions are refused', () => {
  const text = '{"b":[18446744073709551615,-1],"a":"1.5 \\" 2","é":null}'

  expect(parseExact(text)).toEqual({ b: [18446744073709551615n, -1], a: '1.5 " 2', é: null })
  expect(canonical(parseExact(text))).toBe('{"a":"1.5 \\" 2","b":[18446744073709551615,-1],"é":null}')
  expect(plain(2n ** 60n)).toBe(2n ** 60n)
  for (const wrong of ['[1.0]', '[1e3]', '[-0]', '[007]']) expect(() => parseExact(wrong)).toThrow()
})

test('RLP is read in its canonical form alone', () => {
  expect(hexOf(rlpDecode(Uint8Array.of(0x83, 1, 2, 3)) as Uint8Array)).toBe('0x010203')
  for (const wrong of ['0x8101', '0xb801ff', '0x8301', '0xc1', '0x0101', '0xb90038', '0xf800']) {
    expect(() => rlpDecode(bytesOf(wrong)), wrong).toThrow(BadEncoding)
  }
  expect([0, 1, 127, 128, 256].map((index) => hexOf(rlpOfIndex(index)))).toEqual([
    '0x80', '0x01', '0x7f', '0x8180', '0x820100',
  ])
})
