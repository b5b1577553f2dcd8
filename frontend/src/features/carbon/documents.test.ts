// SPDX-License-Identifier: Apache-2.0
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  amountProblem, carbonDocument, kgToGrams, reasonProblem, recipientProblem, reserveAddress,
  type Asked, type Prepared,
} from './documents'
import { DocumentDiffers } from '@/shared/documents'
import { directionOf, meaningOf } from './movements'

const file = new URL('../../../../tests/backend/carbon/documents.json', import.meta.url)
const { documents } = JSON.parse(readFileSync(file, 'utf8')) as { documents: [Prepared, Prepared, Prepared] }
const [retirement, transfer, toReserve] = documents
const ACCOUNT = retirement.account
const DOMAIN = { chainId: 31337, contract: '0x5FbDB2315678afecb367f032d93F642f64180aa3', salt: `0x${'11'.repeat(32)}` }
const RETIRE: Asked = { kind: 'retirement', account: ACCOUNT, grams: 1200n, reason: 'my flight to Zürich' }
const GIVE: Asked = { kind: 'transfer', account: ACCOUNT, grams: 500n, recipient: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }

describe('carbonDocument', () => {
  it('builds what the service prepared and hashed, of each kind', () => {
    const reserve: Asked = { kind: 'transfer', account: ACCOUNT, grams: 1n, recipient: reserveAddress(7) }

    expect(carbonDocument(RETIRE, retirement, DOMAIN).primaryType).toBe('CarbonRetirement')
    expect(carbonDocument(GIVE, transfer, DOMAIN).primaryType).toBe('CarbonTransfer')
    expect(carbonDocument(reserve, toReserve, DOMAIN).message).toMatchObject({ grams: '1' })
  })

  it.each([
    ['grams', { ...RETIRE, grams: 1201n }],
    ['reason', { ...RETIRE, reason: 'my flight to Zurich' }],
    ['account', { ...RETIRE, account: GIVE.recipient }],
  ] as [string, Asked][])('refuses another %s than was asked for', (field, asked) => {
    expect(() => carbonDocument(asked, retirement, DOMAIN)).toThrow(new DocumentDiffers(field))
  })

  it('refuses another recipient, chain or contract', () => {
    const message = { ...(transfer.typedData.message as object), recipient: ACCOUNT }
    const turned = { ...transfer, typedData: { ...transfer.typedData, message } }

    expect(() => carbonDocument(GIVE, turned, DOMAIN)).toThrow(new DocumentDiffers('recipient'))
    expect(() => carbonDocument(GIVE, transfer, { ...DOMAIN, chainId: 1 })).toThrow(new DocumentDiffers('domain'))
    expect(() => carbonDocument(GIVE, transfer, { ...DOMAIN, contract: ACCOUNT })).toThrow(DocumentDiffers)
  })
})

describe('what people type', () => {
  it('is read as whole grams', () => {
    expect([kgToGrams('1.2'), kgToGrams('0,001'), kgToGrams('0'), kgToGrams('1.0001'), kgToGrams('')]).toEqual([
      1200n, 1n, null, null, null,
    ])
  })

  it('is refused with a reason', () => {
    expect(amountProblem('2', 1999n)).toContain('1.999 kg')
    expect(amountProblem('1.999', 1999n)).toBeNull()
    expect([reasonProblem(' '), reasonProblem('a\nb'), reasonProblem('x'.repeat(281))].every(Boolean)).toBe(true)
    expect(reasonProblem('flight')).toBeNull()
    expect(recipientProblem('0x12', ACCOUNT)).toContain('40 hex')
    expect(recipientProblem(ACCOUNT.toLowerCase(), ACCOUNT)).toContain('gives')
    expect(recipientProblem(transfer.typedData.message ? GIVE.recipient : '', ACCOUNT)).toBeNull()
  })
})

describe('entries', () => {
  it('are in or out, and say what they mean', () => {
    expect(directionOf({ type: 'released', kind: 'released', counterparty: null })).toBe('none')
    expect(directionOf({ type: 'spent', kind: 'retired', counterparty: 'retired' })).toBe('out')
    expect(meaningOf({ type: 'received', kind: 'transferred', counterparty: '0x' })).toContain('another wallet')
  })
})
