// SPDX-License-Identifier: Apache-2.0
/** Ethereum's encodings as the check of a proof needs them: strict 0x-hex and canonical RLP. */
import { bytesToHex, hexToBytes, keccak256, type Hex } from 'viem'

export type Bytes = Uint8Array
export type Rlp = Bytes | readonly Rlp[]

/** Bytes or text that are not what they claim to be; the message says where. */
export class BadEncoding extends Error {}

const HEX = /^0x(?:[0-9a-fA-F]{2})*$/
const DEEPEST = 16

/** 0x-hex, lower case. */
export const hexOf = (data: Bytes): Hex => bytesToHex(data)

/** Keccak-256, 32 bytes. */
export const keccak = (data: Bytes): Bytes => keccak256(data, 'bytes')

/** Bytes from 0x-hex, of exactly `length` when given. Throws BadEncoding. */
export function bytesOf(text: unknown, length?: number): Bytes {
  if (typeof text !== 'string' || !HEX.test(text)) throw new BadEncoding(`not 0x-hex: ${shown(text)}`)
  const data = hexToBytes(text as Hex)
  if (length !== undefined && data.length !== length) {
    throw new BadEncoding(`${data.length} bytes where ${length} are due: ${shown(text)}`)
  }
  return data
}

const shown = (value: unknown) => String(value).slice(0, 80)

/** The unsigned number that big-endian bytes are; no bytes are 0. */
export function numberOf(data: Bytes): bigint {
  return data.length === 0 ? 0n : BigInt(bytesToHex(data))
}

/** The byte at a place; beyond the end 0. */
export const byteAt = (data: Bytes, place: number): number => data[place] ?? 0

/** Whether two byte strings are equal. */
export function sameBytes(one: Bytes, other: Bytes): boolean {
  return one.length === other.length && one.every((byte, place) => byte === other[place])
}

/** All parts, one after the other. */
export function concat(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The one item that `data` encodes. Throws BadEncoding for anything but its canonical encoding. */
export function rlpDecode(data: Bytes): Rlp {
  const [item, end] = decodeAt(data, 0, 0)
  if (end !== data.length) throw new BadEncoding('bytes follow the RLP item')
  return item
}

function decodeAt(data: Bytes, at: number, depth: number): [Rlp, number] {
  const first = data[at]
  if (first === undefined || depth > DEEPEST) throw new BadEncoding('RLP ends early or is nested too deeply')
  if (first < 0x80) return [data.subarray(at, at + 1), at + 1]
  const isList = first >= 0xc0
  const [start, length] = spanOf(data, at, first - (isList ? 0xc0 : 0x80))
  const end = start + length
  if (end > data.length) throw new BadEncoding('RLP ends early')
  if (!isList) {
    if (length === 1 && byteAt(data, start) < 0x80) throw new BadEncoding('RLP writes a small byte with a prefix')
    return [data.subarray(start, end), end]
  }
  const items: Rlp[] = []
  for (let next = start; next < end; ) {
    const [item, after] = decodeAt(data.subarray(0, end), next, depth + 1)
    items.push(item)
    next = after
  }
  return [items, end]
}

function spanOf(data: Bytes, at: number, short: number): [number, number] {
  if (short < 56) return [at + 1, short]
  const size = short - 55
  const raw = data.subarray(at + 1, at + 1 + size)
  const length = numberOf(raw)
  if (raw.length !== size || raw[0] === 0 || length < 56n) throw new BadEncoding('RLP length is not minimal')
  if (length > BigInt(data.length)) throw new BadEncoding('RLP ends early')
  return [at + 1 + size, Number(length)]
}

/** The RLP of a number below 2^56, without leading zeros: the key of a place in a block's tries. */
export function rlpOfIndex(index: number): Bytes {
  if (index === 0) return Uint8Array.of(0x80)
  const digits = index.toString(16)
  const bytes = hexToBytes(`0x${digits.length % 2 ? '0' : ''}${digits}`)
  return bytes.length === 1 && byteAt(bytes, 0) < 0x80 ? bytes : concat(Uint8Array.of(0x80 + bytes.length), bytes)
}

/** `item` as a list, of exactly `length` when given. Throws BadEncoding. */
export function asList(item: Rlp | undefined, length?: number): readonly Rlp[] {
  if (item === undefined || item instanceof Uint8Array || (length !== undefined && item.length !== length)) {
    throw new BadEncoding('an RLP list of another length is due')
  }
  return item
}

/** `item` as bytes, of exactly `length` when given. Throws BadEncoding. */
export function asBytes(item: Rlp | undefined, length?: number): Bytes {
  if (!(item instanceof Uint8Array) || (length !== undefined && item.length !== length)) {
    throw new BadEncoding('RLP bytes of another length are due')
  }
  return item
}
