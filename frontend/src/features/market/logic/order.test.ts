// SPDX-License-Identifier: Apache-2.0
import { recoverAddress, type Hex } from 'viem'
import { describe, expect, test } from 'vitest'
import shared from '../../../../../tests/contracts/vectors.json'
import { differences, inWords, orderDigest, readOrder, readTypedOrder, ORDER_TYPES, type Domain, type Wish } from './order'

interface Vectors {
  domain: { name: string; version: string; chainId: string; verifyingContract: Hex; salt: Hex }
  orders: { order: Record<string, unknown>; digest: Hex; signature: Hex; signer: Hex }[]
}
const vectors = shared as unknown as Vectors
const domain: Domain = { ...vectors.domain, chainId: BigInt(vectors.domain.chainId) }
const first = vectors.orders[0] as Vectors['orders'][number]

function draft(changes: Record<string, unknown> = {}) {
  return {
    domain: vectors.domain,
    types: { EIP712Domain: [], Order: ORDER_TYPES.Order },
    primaryType: 'Order',
    message: { ...first.order, ...changes },
  }
}

function wish(changes: Partial<Wish> = {}): Wish {
  const order = readOrder(first.order)
  return {
    maker: order.maker,
    contract: domain.verifyingContract,
    chainId: 31337,
    isBid: false,
    venue: 'direct',
    deliveryStart: new Date(Number(order.deliveryStart) * 1000),
    energyWh: order.energyWh,
    minFillWh: order.minFillWh,
    priceMicroPerKwh: order.pricePerKwh,
    ...changes,
  }
}

describe('orderDigest', () => {
  test.each(vectors.orders)('of the shared vectors is what was signed: $digest', async ({ order, digest, signature, signer }) => {
    const found = orderDigest({ domain, order: readOrder(order) })

    expect(found).toBe(digest)
    await expect(recoverAddress({ hash: found, signature })).resolves.toBe(signer)
  })
})

describe('readTypedOrder', () => {
  test.each([{ slot: '65536' }, { slot: '-1' }, { maker: '0x12' }, { isBid: 'true' }, { energyWh: '1.5' }, { meter: null }])(
    'refuses a value outside its type: %o',
    (change) => {
      expect(() => readTypedOrder(draft(change))).toThrow(TypeError)
    },
  )

  test('refuses fields that the contract does not know', () => {
    const types = { Order: [...ORDER_TYPES.Order, { name: 'more', type: 'bool' }] }

    expect(() => readTypedOrder({ ...draft(), types })).toThrow('other fields')
  })
})

describe('differences', () => {
  test('a draft that is what was asked for has none', () => {
    expect(differences(readTypedOrder(draft()), wish(), first.digest)).toEqual([])
  })

  test.each([
    [{ energyWh: 1n }, 'energy'],
    [{ minFillWh: 7n }, 'least fill'],
    [{ priceMicroPerKwh: 4_999_999n }, 'price'],
    [{ isBid: true }, 'side'],
    [{ venue: 'book' }, 'who may take it'],
    [{ chainId: 1 }, 'chain'],
    [{ contract: '0x00000000000000000000000000000000000000aa' }, 'contract'],
    [{ maker: '0x00000000000000000000000000000000000000aa' }, 'your wallet'],
    [{ deliveryStart: new Date('2026-09-21T14:30:00Z') }, 'delivery'],
  ] as [Partial<Wish>, string][])('names what differs: %o', (change, named) => {
    expect(differences(readTypedOrder(draft()), wish(change), first.digest)).toContain(named)
  })

  test('a hash of something else is named', () => {
    expect(differences(readTypedOrder(draft({ factorId: '2' })), wish(), first.digest)).toEqual(['hash'])
  })
})

test('inWords says side, energy, delivery and limit', () => {
  const words = inWords(readOrder(first.order), 'USD', (date) => date.toISOString().slice(11, 16))

  expect(words).toBe('You sell up to 1 kWh, delivered 14:15 – 14:30, for at least 5 USD per kWh.')
})
