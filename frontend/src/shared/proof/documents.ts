// SPDX-License-Identifier: Apache-2.0
/** Signed orders of the operator that a proof names: EIP-712 digest, signer, and what exactly was ordered. */
import { hashTypedData, recoverAddress, type Hex } from 'viem'
import { canonical, isList, isObject, type Json, type JsonObject } from './canonical'
import { BadEncoding, byteAt, bytesOf, concat, hexOf, keccak, numberOf, sameBytes } from './encoding'

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
const REDUCTION = [
  { type: 'address', name: 'account' },
  { type: 'uint256', name: 'sequence' },
  { type: 'bytes32', name: 'previousHash' },
  { type: 'uint256', name: 'issuedAt' },
  { type: 'uint256', name: 'grams' },
  { type: 'bytes32', name: 'itemsHash' },
] as const
const DOMAIN = ['name', 'version', 'chainId', 'verifyingContract', 'salt']

/** A document that is not what its signature says; the message names the false part. */
export class Forged extends Error {}

/** One reduction that a document orders. */
export interface Ordered {
  readonly tradeId: Hex
  readonly cycle: number
  readonly grams: bigint
}

/** What a true reduction orders. Throws Forged, BadEncoding. */
export async function orderedBy(document: Json, chain: JsonObject): Promise<readonly Ordered[]> {
  if (!isObject(document) || !isObject(document.body)) throw new Forged('body: there is none')
  const { body } = document
  if (body.primaryType !== 'CarbonReduction') throw new Forged('a reduction is signed by the operator')
  const { domain, types, message } = body
  if (!isObject(domain) || !isObject(types) || !isObject(message)) throw new Forged('body: parts are missing')
  checkTypes(types)
  checkDomain(domain, chain)
  const digest = digestOf(domain, message)
  const signer = hexOf(bytesOf(document.signer, 20))
  if (hexOf(bytesOf(lower(message.account), 20)) !== signer) throw new Forged('signer: not the account')
  if ((await signerOf(digest, bytesOf(document.signature, 65))) !== signer) throw new Forged('signature: not by the signer')
  return itemsOf(body.items, message)
}

const lower = (value: Json | undefined) => (typeof value === 'string' ? value.toLowerCase() : value)

function checkTypes(types: JsonObject): void {
  const given = types.CarbonReduction
  const fits =
    isList(given) &&
    given.length === REDUCTION.length &&
    given.every((entry, place) => {
      const due = REDUCTION[place]
      return isObject(entry) && entry.type === due?.type && entry.name === due?.name
    })
  if (!fits) throw new Forged('types: not those of this kind')
}

function checkDomain(domain: JsonObject, chain: JsonObject): void {
  const isOurs =
    DOMAIN.every((name) => name in domain) &&
    domain.name === 'GridX Carbon' &&
    domain.version === '1' &&
    numeric(domain.chainId) === numeric(chain.chainId) &&
    sameBytes(bytesOf(lower(domain.verifyingContract), 20), bytesOf(chain.contract, 20)) &&
    sameBytes(bytesOf(domain.salt, 32), bytesOf(chain.salt, 32))
  if (!isOurs) throw new Forged('domain: signed for another chain or contract')
}

function digestOf(domain: JsonObject, message: JsonObject): Hex {
  return hashTypedData({
    domain: {
      name: 'GridX Carbon',
      version: '1',
      chainId: numeric(domain.chainId),
      verifyingContract: hexOf(bytesOf(lower(domain.verifyingContract), 20)),
      salt: hexOf(bytesOf(domain.salt, 32)),
    },
    types: { CarbonReduction: REDUCTION },
    primaryType: 'CarbonReduction',
    message: {
      account: hexOf(bytesOf(lower(message.account), 20)),
      sequence: numeric(message.sequence),
      previousHash: hexOf(bytesOf(message.previousHash, 32)),
      issuedAt: numeric(message.issuedAt),
      grams: numeric(message.grams),
      itemsHash: hexOf(bytesOf(message.itemsHash, 32)),
    },
  })
}

/** A number, not negative and of at most 77 digits, that JSON carries as text or plain. Throws BadEncoding. */
export function numeric(value: Json | undefined): bigint {
  const isText = typeof value === 'string' && /^(?:0|[1-9]\d{0,76})$/.test(value)
  const number = isText || typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : -1n
  if (number >= 0n) return number
  throw new BadEncoding(`no number: ${canonical(value ?? null).slice(0, 80)}`)
}

/** The address whose key made a 65-byte signature; null when malformed or with high s (malleable). */
export async function signerOf(digest: Hex, signature: Uint8Array): Promise<Hex | null> {
  const parity = byteAt(signature, 64) - (byteAt(signature, 64) > 26 ? 27 : 0)
  if (numberOf(signature.subarray(32, 64)) > HALF_ORDER || parity > 1) return null
  try {
    const normal = concat(signature.subarray(0, 64), Uint8Array.of(27 + parity))
    return (await recoverAddress({ hash: digest, signature: hexOf(normal) })).toLowerCase() as Hex
  } catch {
    return null
  }
}

function itemsOf(items: Json | undefined, message: JsonObject): readonly Ordered[] {
  if (!isList(items)) throw new Forged('items: there are none')
  const ordered = items.map((item) => {
    if (!isObject(item)) throw new Forged('items: not those that were signed')
    return { tradeId: hexOf(bytesOf(item.tradeId, 32)), cycle: Number(numeric(item.cycle)), grams: numeric(item.grams) }
  })
  const packed = concat(
    ...ordered.flatMap((item) => [bytesOf(item.tradeId), wide(BigInt(item.cycle), 4), wide(item.grams, 8)]),
  )
  const grams = ordered.reduce((sum, item) => sum + item.grams, 0n)
  if (!sameBytes(keccak(packed), bytesOf(message.itemsHash, 32)) || grams !== numeric(message.grams)) {
    throw new Forged('items: not those that were signed')
  }
  return ordered
}

function wide(value: bigint, size: number): Uint8Array {
  const digits = value.toString(16).padStart(size * 2, '0')
  return bytesOf(`0x${digits}`, size)
}
