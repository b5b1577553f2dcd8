// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { bodyOf, problemsOf, readingLengths, type Draft } from './house-form'

const DRAFT: Draft = { name: 'Blue door', capacityKw: '5.5', connectionKw: '', latitude: '34.0983', longitude: '-117,4351', meter: '', readingMinutes: '' }

describe('problemsOf', () => {
  it('finds nothing wrong with a right draft', () => {
    expect(problemsOf(DRAFT)).toEqual({})
    expect(problemsOf({ ...DRAFT, meter: '9223372036854775807', capacityKw: '0' })).toEqual({})
  })

  it.each([
    [{ name: ' ' }, 'name'],
    [{ capacityKw: '5.5555' }, 'capacityKw'],
    [{ capacityKw: '-1' }, 'capacityKw'],
    [{ capacityKw: '100001' }, 'capacityKw'],
    [{ connectionKw: '0' }, 'connectionKw'],
    [{ connectionKw: '17.2501' }, 'connectionKw'],
    [{ latitude: '91' }, 'latitude'],
    [{ longitude: '1.1234567' }, 'longitude'],
    [{ longitude: '' }, 'longitude'],
    [{ meter: '0' }, 'meter'],
    [{ meter: '9223372036854775808' }, 'meter'],
  ] as [Partial<Draft>, string][])('of %o names the field', (change, field) => {
    expect(Object.keys(problemsOf({ ...DRAFT, ...change }))).toEqual([field])
  })
})

describe('bodyOf', () => {
  it('sends exact text, null where nothing is said', () => {
    expect(bodyOf(DRAFT)).toEqual({
      name: 'Blue door', capacityKw: '5.5', connectionKw: null, latitude: '34.0983', longitude: '-117.4351', meter: null, readingMinutes: null,
    })
    expect(bodyOf({ ...DRAFT, connectionKw: '9,2', meter: '7', readingMinutes: '5' })).toMatchObject({ connectionKw: '9.2', meter: '7', readingMinutes: 5 })
  })
})

describe('readingLengths', () => {
  it('divide the delivery interval', () => {
    expect([readingLengths(15), readingLengths(30)]).toEqual([[15, 5, 1], [30, 15, 5, 1]])
  })
})
