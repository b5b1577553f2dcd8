// SPDX-License-Identifier: Apache-2.0
/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DocumentDiffers } from '@/shared/documents'
import { coveredPercent, declarationProblems, elapsedPart, formatLeft, latest, stateAt, sumOf, type Allocation } from './island'
import { declarationDocument, endingDocument, type Prepared } from './island-documents'

const file = new URL('../../../../tests/backend/market/islands/documents.json', import.meta.url)
const { documents } = JSON.parse(readFileSync(file, 'utf8')) as { documents: [Prepared, Prepared] }
const [declared, ended] = documents
const PLACE = { chainId: 31337, contract: '0x5FbDB2315678afecb367f032d93F642f64180aa3', salt: `0x${'11'.repeat(32)}` }
const ASKED = { operator: declared.operator, community: 7, reason: 'storm: línea caída', hours: 6, priceCapMicro: 300_000n }

describe('documents', () => {
  it('are built as the service prepares and hashes them', () => {
    expect(declarationDocument(ASKED, declared, PLACE).primaryType).toBe('IslandDeclaration')
    expect(endingDocument(ended.operator, declared.documentHash, ended, PLACE).primaryType).toBe('IslandEnding')
  })

  it.each([
    ['endsAt', { ...ASKED, hours: 7 }],
    ['priceCapMicroPerKwh', { ...ASKED, priceCapMicro: 300_001n }],
    ['community', { ...ASKED, community: 8 }],
  ])('with another %s than was asked for are refused', (field, asked) => {
    expect(() => declarationDocument(asked, declared, PLACE)).toThrow(new DocumentDiffers(field))
  })

  it('that end another island are refused', () => {
    expect(() => endingDocument(ended.operator, ended.documentHash, ended, PLACE)).toThrow(new DocumentDiffers('declaration'))
  })
})

describe('declarationProblems', () => {
  it('names each wrong field', () => {
    expect(Object.keys(declarationProblems(' ', '73', '0'))).toEqual(['reason', 'hours', 'cap'])
    expect(Object.keys(declarationProblems('storm', '1.5', '0.1234567'))).toEqual(['hours', 'cap'])
    expect(declarationProblems('storm', '24', '0.35')).toEqual({})
  })
})

describe('time', () => {
  const island = { startsAt: '2026-06-01T12:00:00Z', endsAt: '2026-06-01T18:00:00Z', endedAt: null as string | null }
  const at = (hour: number) => Date.parse(`2026-06-01T${hour}:00:00Z`)

  it('decides the state without the service', () => {
    expect([stateAt(island, at(11)), stateAt(island, at(12)), stateAt(island, at(18))]).toEqual(['coming', 'in_force', 'over'])
    expect(stateAt({ ...island, endedAt: '2026-06-01T13:00:00Z' }, at(14))).toBe('over')
  })

  it('is told in words', () => {
    expect([elapsedPart(island, at(15)), elapsedPart(island, at(23))]).toEqual([0.5, 1])
    expect([formatLeft(125 * 60_000), formatLeft(59_000), formatLeft(-1)]).toEqual(['2 h 05 min', '1 min', '0 min'])
  })
})

describe('allocations', () => {
  const one = (changes: Partial<Allocation> = {}): Allocation => ({
    deliveryStart: '2026-06-01T12:00:00Z', houseId: 'a', generationKwh: '0', criticalKwh: '0.1', demandKwh: '0.3',
    criticalShareKwh: '0.1', shareKwh: '0.2', source: 'reading', why: '', ...changes,
  })

  it('are summed in whole watt-hours', () => {
    const sum = sumOf([one(), one({ houseId: 'b' }), one({ deliveryStart: '2026-06-01T12:15:00Z', shareKwh: '0.001' })])

    expect(sum).toEqual({ intervals: 2, demandWh: 900n, shareWh: 401n, criticalWh: 300n, criticalShareWh: 300n })
    expect([coveredPercent(2n, 3n), coveredPercent(0n, 0n)]).toEqual([66, 100])
  })

  it('of the latest interval are found', () => {
    const later = one({ deliveryStart: '2026-06-01T12:15:00Z' })

    expect(latest([one(), later, one({ houseId: 'b' })])).toEqual([later])
    expect(latest([])).toEqual([])
  })
})
