// SPDX-License-Identifier: Apache-2.0
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { privateKeyToAccount } from 'viem/accounts'
import type { Hex, TypedDataDefinition } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import { check, type Certified } from './certificate'
import type { Prepared } from './documents'

const file = new URL('../../../../tests/backend/carbon/documents.json', import.meta.url)
const { documents } = JSON.parse(readFileSync(file, 'utf8')) as { documents: [Prepared] }
const [prepared] = documents
/** The first account that development chains fund; it is the one in the file. */
const owner = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const stranger = privateKeyToAccount(`0x${'11'.repeat(32)}`)
let right: Certified

beforeAll(async () => {
  const signature: Hex = await owner.signTypedData(prepared.typedData as unknown as TypedDataDefinition)
  right = {
    account: prepared.account, carbonKg: '1.2', reason: 'my flight to Zürich', sequence: 1, previousHash: prepared.previousHash,
    documentHash: prepared.documentHash, signature, signedBy: 'key', typedData: prepared.typedData,
  }
})

describe('check', () => {
  it('accepts what the wallet signed', async () => {
    expect(await check(right)).toEqual({ state: 'signed' })
    expect(await check({ ...right, signedBy: 'contract', signature: '0x12' })).toEqual({ state: 'contract' })
  })

  it.each([
    ['amount', { carbonKg: '1.3' }],
    ['reason', { reason: 'my flight' }],
    ['wallet', { account: stranger.address }],
    ['verification hash', { documentHash: `0x${'ab'.repeat(32)}` }],
    ['signature', { signature: `0x${'12'.repeat(65)}` }],
  ] as [string, Partial<Certified>][])('names a false %s', async (what, change) => {
    expect(await check({ ...right, ...change })).toEqual({ state: 'differs', what })
  })

  it('names a signature of somebody else', async () => {
    const signature = await stranger.signTypedData(prepared.typedData as unknown as TypedDataDefinition)

    expect(await check({ ...right, signature })).toEqual({ state: 'differs', what: 'signature' })
  })

  it('names a message that was changed together with what is shown', async () => {
    const message = { ...(prepared.typedData.message as object), reason: 'another' }

    expect(await check({ ...right, reason: 'another', typedData: { ...prepared.typedData, message } })).toEqual({ state: 'differs', what: 'verification hash' })
  })
})
