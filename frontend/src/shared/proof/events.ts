// SPDX-License-Identifier: Apache-2.0
/**
 * The contract's events that a proof is made of, decoded strictly: as many topics as the event has, padding zero, no
 * byte too many. A test holds the layouts against the contract's ABI file.
 */
import { stringToBytes } from 'viem'
import { BadEncoding, concat, hexOf, keccak, numberOf, type Bytes } from './encoding'

export type Value = bigint | Bytes | string
type Field = readonly [name: string, type: string]

/** An event: indexed fields travel as topics, the rest as words of data. */
export interface Layout {
  readonly name: string
  readonly indexed: readonly Field[]
  readonly words: readonly Field[]
}

/** A decoded event: its name and its values by the ABI's names; addresses and bytesN are bytes, numbers `bigint`. */
export interface Event {
  readonly name: string
  readonly values: Readonly<Record<string, Value>>
}

export const LAYOUTS: readonly Layout[] = [
  {
    name: 'EnergyTradeLogged',
    indexed: [['tradeId', 'bytes32'], ['seller', 'address'], ['buyer', 'address']],
    words: [
      ['energyWh', 'uint256'], ['pricePerKwh', 'uint256'], ['carbonSavedGrams', 'uint256'], ['timestamp', 'uint256'],
      ['details', 'uint256'],
    ],
  },
  {
    name: 'EnergyTradeConfirmed',
    indexed: [['tradeId', 'bytes32'], ['confirmer', 'address']],
    words: [['details', 'uint256']],
  },
  {
    name: 'MeterEnrolled',
    indexed: [['meter', 'uint64'], ['owner', 'address'], ['community', 'uint32']],
    words: [['region', 'bytes4'], ['deliveryMinutes', 'uint16'], ['deviceKey', 'address']],
  },
  {
    name: 'EmissionFactorRegistered',
    indexed: [['factorId', 'uint32'], ['region', 'bytes4'], ['basis', 'uint8']],
    words: [
      ['mgPerKwh', 'uint32'], ['validFrom', 'uint64'], ['validTo', 'uint64'], ['effectiveAt', 'uint64'],
      ['source', 'string'], ['vintage', 'string'], ['documentHash', 'bytes32'],
    ],
  },
]

/** The packed word of a trade or a confirmation, lowest bits first; zero where the kind does not know a value. */
const DETAILS = [
  ['kind', 8n], ['offerSlot', 16n], ['bidSlot', 16n], ['factorId', 32n], ['deliveryMinutes', 16n],
  ['deliveryStart', 32n], ['buyerMeter', 64n], ['sellerMeter', 64n],
] as const
export type Details = Readonly<Record<(typeof DETAILS)[number][0], bigint>>

/** keccak256 of the event's signature: the first topic of its logs. Indexed fields stand first in each signature. */
export function topicOf(layout: Layout): Bytes {
  const types = [...layout.indexed, ...layout.words].map(([, type]) => type)
  return keccak(stringToBytes(`${layout.name}(${types.join(',')})`))
}

const EMPTY: Bytes = new Uint8Array(32)
const BY_TOPIC = new Map(LAYOUTS.map((layout) => [hexOf(topicOf(layout)), layout]))

/** The event of one log. Throws BadEncoding for what is none of those above. */
export function decodeEvent(topics: readonly Bytes[], data: Bytes): Event {
  const layout = topics[0] && BY_TOPIC.get(hexOf(topics[0]))
  if (!layout) throw new BadEncoding('the first topic is no event of a proof')
  if (topics.length !== layout.indexed.length + 1) {
    throw new BadEncoding(`${layout.name} has ${topics.length - 1} indexed values`)
  }
  const values: Record<string, Value> = {}
  layout.indexed.forEach(([name, type], place) => {
    values[name] = readWord(type, topics[place + 1] ?? EMPTY)
  })
  let end = 32 * layout.words.length
  if (data.length < end) throw new BadEncoding(`${layout.name} has ${data.length} bytes of data`)
  layout.words.forEach(([name, type], place) => {
    const word = data.subarray(32 * place, 32 * place + 32)
    if (type === 'string') [values[name], end] = readText(data, numberOf(word), end)
    else values[name] = readWord(type, word)
  })
  if (data.length !== end) throw new BadEncoding(`${layout.name} has ${data.length} bytes of data`)
  return { name: layout.name, values }
}

function readWord(type: string, word: Bytes): Value {
  if (type.startsWith('uint')) return unsigned(word, BigInt(type.slice(4)))
  if (type === 'address') {
    unsigned(word, 160n)
    return word.slice(12)
  }
  const size = Number(type.slice('bytes'.length))
  if (word.subarray(size).some((byte) => byte !== 0)) throw new BadEncoding(`a ${type} is not padded with zeros`)
  return word.slice(0, size)
}

function unsigned(word: Bytes, bits: bigint): bigint {
  const value = numberOf(word)
  if (value >> bits) throw new BadEncoding(`a value does not fit ${bits} bits`)
  return value
}

function readText(data: Bytes, offset: bigint, end: number): [string, number] {
  if (offset !== BigInt(end) || end + 32 > data.length) throw new BadEncoding('a string does not lie where it should')
  const length = numberOf(data.subarray(end, end + 32))
  const start = end + 32
  if (length > BigInt(data.length - start)) throw new BadEncoding('a string ends early')
  const size = Number(length)
  const padded = start + Math.ceil(size / 32) * 32
  if (padded > data.length || data.subarray(start + size, padded).some((byte) => byte !== 0)) {
    throw new BadEncoding('a string ends early or is not padded with zeros')
  }
  try {
    return [new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data.subarray(start, start + size)), padded]
  } catch {
    throw new BadEncoding('a string is not UTF-8')
  }
}

/** The parts of a `details` word. Throws BadEncoding when a bit above them is set. */
export function unpackDetails(word: bigint): Details {
  const values: Record<string, bigint> = {}
  let rest = word
  for (const [name, bits] of DETAILS) {
    values[name] = rest & ((1n << bits) - 1n)
    rest >>= bits
  }
  if (rest) throw new BadEncoding('details have bits beyond their parts')
  return values as Details
}

/** The history head after one trade or confirmation: keccak256(head, topics, data). */
export function advance(head: Bytes, topics: readonly Bytes[], data: Bytes): Bytes {
  return keccak(concat(head, ...topics, data))
}
