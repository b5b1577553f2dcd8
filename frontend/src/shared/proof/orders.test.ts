// SPDX-License-Identifier: Apache-2.0
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseExact, type JsonObject } from './canonical'
import { checkBundle } from './check'
import { signedOrders } from './orders'

const load = (name: string) =>
  parseExact(readFileSync(new URL(`../../../../tests/backend/audit/vectors/${name}.json`, import.meta.url), 'utf8')) as JsonObject

test('the seller’s key signed the offer that stands in the transaction', async () => {
  const bundle = load('filled')
  const verdict = await checkBundle(bundle)

  const [found, ...others] = await signedOrders(bundle, verdict)

  expect(others).toEqual([])
  expect(found?.isSigned).toBe(true)
  expect(found?.order.maker.toLowerCase()).toBe(verdict.trade?.seller)
  expect(found?.order.isBid).toBe(false)
})

test('on another chain the same signature is nobody’s', async () => {
  const bundle = load('filled')
  const verdict = await checkBundle(bundle)
  const elsewhere = { ...bundle, chain: { ...(bundle.chain as JsonObject), salt: `0x${'07'.repeat(32)}` } }

  expect((await signedOrders(elsewhere, verdict)).map((one) => one.isSigned)).toEqual([false])
})

test('a trade that one party logged holds no orders', async () => {
  for (const name of ['alone', 'confirmed']) {
    const bundle = load(name)
    expect(await signedOrders(bundle, await checkBundle(bundle))).toEqual([])
  }
})
