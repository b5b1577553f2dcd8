// SPDX-License-Identifier: Apache-2.0
/** Headers, receipts and transactions as the chain hashes them, decoded from their own bytes. */
import { asBytes, asList, BadEncoding, byteAt, keccak, numberOf, rlpDecode, type Bytes } from './encoding'

/** Name and width in bytes of a header's fields; width 0 is an integer, null is free. Those after `nonce` came later. */
const FIELDS: readonly (readonly [string, number | null])[] = [
  ['parentHash', 32], ['sha3Uncles', 32], ['miner', 20], ['stateRoot', 32], ['transactionsRoot', 32],
  ['receiptsRoot', 32], ['logsBloom', 256], ['difficulty', 0], ['number', 0], ['gasLimit', 0], ['gasUsed', 0],
  ['timestamp', 0], ['extraData', null], ['mixHash', 32], ['nonce', 8], ['baseFeePerGas', 0], ['withdrawalsRoot', 32],
  ['blobGasUsed', 0], ['excessBlobGas', 0], ['parentBeaconBlockRoot', 32], ['requestsHash', 32],
]
const ALWAYS = 15

/** A block's header; `hash` is keccak256 of its encoding, `time` seconds since 1970. */
export interface Header {
  readonly number: bigint
  readonly hash: Bytes
  readonly transactionsRoot: Bytes
  readonly receiptsRoot: Bytes
  readonly time: bigint
}

/** One log inside a receipt. */
export interface RawLog {
  readonly address: Bytes
  readonly topics: readonly Bytes[]
  readonly data: Bytes
}

/** The header that `encoded` (RLP) is. Throws BadEncoding. */
export function decodeHeader(encoded: Bytes): Header {
  const items = asList(rlpDecode(encoded))
  if (items.length < ALWAYS || items.length > FIELDS.length) {
    throw new BadEncoding(`a header has ${items.length} fields`)
  }
  const fields: Record<string, Bytes> = {}
  FIELDS.slice(0, items.length).forEach(([name, width], place) => {
    const value = asBytes(items[place], width ? width : undefined)
    if (width === 0 && value[0] === 0) throw new BadEncoding(`header: ${name} has leading zeros`)
    fields[name] = value
  })
  return {
    number: numberOf(asBytes(fields.number)),
    hash: keccak(encoded),
    transactionsRoot: asBytes(fields.transactionsRoot),
    receiptsRoot: asBytes(fields.receiptsRoot),
    time: numberOf(asBytes(fields.timestamp)),
  }
}

/** The receipt that `encoded` is (typed receipts lead with their type). Throws BadEncoding. */
export function decodeReceipt(encoded: Bytes): { succeeded: boolean; logs: RawLog[] } {
  const body = encoded.length > 0 && byteAt(encoded, 0) < 0x80 ? encoded.subarray(1) : encoded
  const [outcome, , , logs] = asList(rlpDecode(body), 4)
  const status = asBytes(outcome)
  return {
    succeeded: status.length === 1 && status[0] === 1,
    logs: asList(logs).map((log) => {
      const [address, topics, data] = asList(log, 3)
      return {
        address: asBytes(address, 20),
        topics: asList(topics).map((topic) => asBytes(topic, 32)),
        data: asBytes(data),
      }
    }),
  }
}

/** The chain id that a raw transaction was signed for; null for a legacy one that names none (before EIP-155). */
export function chainOf(transaction: Bytes): bigint | null {
  if (transaction.length > 0 && byteAt(transaction, 0) < 0x80) {
    return numberOf(asBytes(asList(rlpDecode(transaction.subarray(1)))[0]))
  }
  const parity = numberOf(asBytes(asList(rlpDecode(transaction), 9)[6]))
  return parity >= 35n ? (parity - 35n) / 2n : null
}
