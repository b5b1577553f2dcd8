// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { countFilters, isClaims, queryOf, readSearch } from './filters'

test('an address is read strictly', () => {
  const given = { status: 'final', side: 'nobody', kind: 'filled', from: '2026-02-30x', to: '2026-03-01', sort: 'largest', page: '3', more: 1 }

  expect(readSearch(given)).toEqual({ status: 'final', kind: 'filled', to: '2026-03-01', sort: 'largest', page: 3 })
  expect(readSearch({ page: '1', status: '' })).toEqual({})
  expect(readSearch({ page: '-4' })).toEqual({})
})

test('the last day is included', () => {
  const query = queryOf({ from: '2026-03-01', to: '2026-03-01', side: 'sold' }, 'me')

  expect(Date.parse(query.to ?? '') - Date.parse(query.from ?? '')).toBe(24 * 3600 * 1000)
  expect(query).toMatchObject({ userId: 'me', side: 'sold' })
  expect(query).not.toHaveProperty('kind')
})

test('claims have neither side nor order', () => {
  expect(isClaims({ status: 'pending' })).toBe(true)
  expect(queryOf({ status: 'failed', side: 'sold', sort: 'largest' }, 'me')).toEqual({ userId: 'me', status: 'failed' })
})

test('an order is no filter', () => {
  expect(countFilters({ sort: 'oldest', page: 2 })).toBe(0)
  expect(countFilters({ side: 'sold', from: '2026-03-01' })).toBe(2)
})
