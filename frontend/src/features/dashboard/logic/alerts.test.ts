// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { alertWords } from './alerts'

const AT = '2026-11-21T12:00:00Z'

test('a known alert is told with its reason', () => {
  const told = alertWords({ name: 'chain.halted.v1', at: AT, data: { reason: 'two nodes differ', chain: 1 } })

  expect(told).toEqual({ title: 'The chain is no longer followed', text: 'two nodes differ', tone: 'danger', isAboutIslands: false })
})

test('facts that are missing leave the title', () => {
  expect(alertWords({ name: 'islands.allocated.v1', at: AT, data: {} })).toMatchObject({ text: null, isAboutIslands: true })
})

test('an alert that is new to the page is told by its name', () => {
  expect(alertWords({ name: 'market.something_new.v2', at: AT, data: {} }).title).toBe('Market something new')
})
