// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import type { Place } from './board'
import { concerns, movesSince, readSearch, shareOfBest } from './board'

function place(rank: number, name: string, carbonKg = '1'): Place {
  return { rank, name, isAlias: true, isMe: false, carbonKg }
}

describe('readSearch', () => {
  it.each([
    [{}, {}],
    [{ period: 'week', community: '7', page: 3 }, { period: 'week', community: 7, page: 3 }],
    [{ period: 'year', community: -1, page: 0.5 }, {}],
  ])('of %o', (search, board) => {
    expect(readSearch(search)).toEqual(board)
  })
})

describe('concerns', () => {
  const data = { at: '2026-06-01T12:00:00Z', boards: [{ period: 'day', community: 7, places: [] }] }

  it.each([
    ['day', 7, true],
    ['day', 0, false],
    ['all', 7, false],
  ] as const)('the board %s of %i: %s', (period, community, answer) => {
    expect(concerns(data, { period, community })).toBe(answer)
  })

  it.each([null, {}, { boards: 1 }, { boards: [null] }])('nobody when told %o', (odd) => {
    expect(concerns(odd, { period: 'all', community: 0 })).toBe(false)
  })
})

describe('movesSince', () => {
  it('tells who rose, fell, stayed and came', () => {
    const before = [place(1, 'a'), place(2, 'b'), place(3, 'c'), place(4, 'd')]
    const now = [place(1, 'c'), place(2, 'b'), place(3, 'e'), place(4, 'a')]

    expect([...movesSince(before, now).values()]).toEqual([
      { kind: 'up', by: 2 }, { kind: 'same' }, { kind: 'new' }, { kind: 'down', by: 3 },
    ])
  })

  it('calls nobody new at the first look', () => {
    expect(movesSince(undefined, [place(1, 'a')]).get('a')).toEqual({ kind: 'same' })
  })
})

describe('shareOfBest', () => {
  it('is a part of the best', () => {
    expect(shareOfBest(place(2, 'b', '0.5'), place(1, 'a', '2'))).toBe(0.25)
    expect(shareOfBest(place(1, 'a', '0'), undefined)).toBe(0)
  })
})
