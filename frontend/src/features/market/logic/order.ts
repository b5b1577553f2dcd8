// SPDX-License-Identifier: Apache-2.0
/**
 * Orders as wallets sign them (EIP-712): the contract's struct, its digest, and whether a draft is what was asked for.
 * What the server proposes is never signed unseen: every field is compared with what was typed.
 */
import { hashTypedData, isAddressEqual, zeroAddress, type Address, type Hex } from 'viem'
import { scaledText } from '@/shared/format'

export const ORDER_TYPES = {
  Order: [
    { name: 'maker', type: 'address' },
    { name: 'taker', type: 'address' },
    { name: 'isBid', type: 'bool' },
    { name: 'meter', type: 'uint64' },
    { name: 'deliveryStart', type: 'uint32' },
    { name: 'expiry', type: 'uint32' },
    { name: 'energyWh', type: 'uint32' },
    { name: 'minFillWh', type: 'uint32' },
    { name: 'pricePerKwh', type: 'uint40' },
    { name: 'factorId', type: 'uint32' },
    { name: 'slot', type: 'uint16' },
    { name: 'deliveryMinutes', type: 'uint16' },
  ],
} as const

/** Longest life of an order after delivery starts, in seconds: the contract's lanes are handed out for it. */
export const ORDER_LIFE_S = 7n * 86_400n

export interface Order {
  readonly maker: Address
  readonly taker: Address
  readonly isBid: boolean
  readonly meter: bigint
  readonly deliveryStart: bigint
  readonly expiry: bigint
  readonly energyWh: bigint
  readonly minFillWh: bigint
  readonly pricePerKwh: bigint
  readonly factorId: bigint
  readonly slot: bigint
  readonly deliveryMinutes: bigint
}

export interface Domain {
  readonly name: string
  readonly version: string
  readonly chainId: bigint
  readonly verifyingContract: Address
  readonly salt: Hex
}

export interface TypedOrder {
  readonly domain: Domain
  readonly order: Order
}

export type Venue = 'book' | 'direct'

/** What was typed, and what the connected wallet and the followed chain are. */
export interface Wish {
  readonly maker: Address
  readonly contract: Address
  readonly chainId: number
  readonly isBid: boolean
  readonly venue: Venue
  readonly taker?: Address
  readonly deliveryStart: Date
  readonly energyWh: bigint
  readonly minFillWh: bigint
  readonly priceMicroPerKwh: bigint
}

/** The 32 bytes that the maker signs; the same in Solidity, Python and here. */
export function orderDigest({ domain, order }: TypedOrder): Hex {
  return hashTypedData({ domain, types: ORDER_TYPES, primaryType: 'Order', message: forEncoding(order) })
}

/** The order as typed-data libraries take it: small integers as numbers. */
export function forEncoding(order: Order) {
  return {
    ...order,
    deliveryStart: Number(order.deliveryStart),
    expiry: Number(order.expiry),
    energyWh: Number(order.energyWh),
    minFillWh: Number(order.minFillWh),
    pricePerKwh: Number(order.pricePerKwh),
    factorId: Number(order.factorId),
    slot: Number(order.slot),
    deliveryMinutes: Number(order.deliveryMinutes),
  }
}

/** The order in JSON as the API sends it (numbers as text). Throws TypeError for what is no order. */
export function readOrder(given: Readonly<Record<string, unknown>>): Order {
  const read: Record<string, unknown> = {}
  for (const { name, type } of ORDER_TYPES.Order) read[name] = readValue(type, given[name], name)
  return read as unknown as Order
}

/** The typed data of a draft. Throws TypeError where it is not the contract's order. */
export function readTypedOrder(given: Readonly<Record<string, unknown>>): TypedOrder {
  const { domain, types, primaryType, message } = given as {
    domain?: Record<string, unknown>
    types?: Record<string, unknown>
    primaryType?: unknown
    message?: Record<string, unknown>
  }
  if (primaryType !== 'Order' || !domain || !message) throw new TypeError('This is no order to sign')
  if (JSON.stringify(types?.['Order']) !== JSON.stringify(ORDER_TYPES.Order)) {
    throw new TypeError('The order has other fields than the contract knows')
  }
  return {
    domain: {
      name: String(domain['name']),
      version: String(domain['version']),
      chainId: readValue('uint256', domain['chainId'], 'chainId') as bigint,
      verifyingContract: readValue('address', domain['verifyingContract'], 'verifyingContract') as Address,
      salt: String(domain['salt']) as Hex,
    },
    order: readOrder(message),
  }
}

/** In what a draft differs from what was asked for; empty: it may be signed. */
export function differences({ domain, order }: TypedOrder, wish: Wish, orderHash: Hex): string[] {
  const taker = wish.venue === 'book' ? wish.contract : (wish.taker ?? zeroAddress)
  const start = BigInt(wish.deliveryStart.getTime() / 1000)
  const compared: readonly (readonly [what: string, same: boolean])[] = [
    ['application', domain.name === 'GridX' && domain.version === '1'],
    ['chain', domain.chainId === BigInt(wish.chainId)],
    ['contract', isAddressEqual(domain.verifyingContract, wish.contract)],
    ['your wallet', isAddressEqual(order.maker, wish.maker)],
    ['who may take it', isAddressEqual(order.taker, taker)],
    ['side', order.isBid === wish.isBid],
    ['delivery', order.deliveryStart === start],
    ['energy', order.energyWh === wish.energyWh],
    ['least fill', order.minFillWh === wish.minFillWh],
    ['price', order.pricePerKwh === wish.priceMicroPerKwh],
    ['expiry', order.expiry > start && order.expiry <= start + ORDER_LIFE_S],
    ['hash', orderDigest({ domain, order }) === orderHash],
  ]
  return compared.filter(([, same]) => !same).map(([what]) => what)
}

/** The order in one sentence, for the page that asks before the wallet does. */
export function inWords(order: Order, currency: string, time: (date: Date) => string): string {
  const start = new Date(Number(order.deliveryStart) * 1000)
  const end = new Date(start.getTime() + Number(order.deliveryMinutes) * 60_000)
  const energy = scaledText(order.energyWh, 3)
  const price = scaledText(order.pricePerKwh, 6)
  const limit = order.isBid ? 'at most' : 'at least'
  const verb = order.isBid ? 'buy' : 'sell'
  return `You ${verb} up to ${energy} kWh, delivered ${time(start)} – ${time(end)}, for ${limit} ${price} ${currency} per kWh.`
}

function readValue(type: string, value: unknown, name: string): Address | boolean | bigint {
  if (type === 'bool' && typeof value === 'boolean') return value
  if (type === 'address' && typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value)) return value as Address
  if (type.startsWith('uint') && (typeof value === 'string' || typeof value === 'number')) {
    const number = /^\d+$/.test(String(value)) ? BigInt(value) : -1n
    if (number >= 0n && number < 1n << BigInt(type.slice(4))) return number
  }
  throw new TypeError(`${name}: ${String(value)} is no ${type}`)
}
