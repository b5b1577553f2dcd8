// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { applyChange, depth, fillEstimate, readLevel, spreadMicro, type Book, type BookChanged, type Level } from './depth'

function level(side: Level['side'], price: bigint, energy: bigint, zone = ''): Level {
  return { side, zone, priceMicro: price, energyWh: energy, orders: 1 }
}

const book: Book = {
  version: 4,
  isClosed: false,
  levels: [level('offer', 300n, 500n), level('offer', 240n, 1000n), level('offer', 240n, 200n, 'north'), level('bid', 200n, 700n)],
}

function change(version: number, levels: BookChanged['levels'] = []): BookChanged {
  return { community: 1, deliveryStart: '2026-11-21T18:00:00Z', version, isClosed: false, levels }
}

describe('depth', () => {
  test('adds zones of equal price up and cumulates from the best on', () => {
    expect(depth(book.levels, 'offer')).toEqual([
      { priceMicro: 240n, energyWh: 1200n, totalWh: 1200n, orders: 2 },
      { priceMicro: 300n, energyWh: 500n, totalWh: 1700n, orders: 1 },
    ])
  })

  test('bids begin with the highest', () => {
    const bids = depth([level('bid', 100n, 1n), level('bid', 300n, 2n), level('bid', 200n, 3n)], 'bid')

    expect(bids.map((point) => [point.priceMicro, point.totalWh])).toEqual([
      [300n, 2n],
      [200n, 5n],
      [100n, 6n],
    ])
  })

  test('spread needs both sides', () => {
    expect(spreadMicro(book.levels)).toBe(40n)
    expect(spreadMicro(book.levels.filter(({ side }) => side === 'bid'))).toBeNull()
  })
})

describe('applyChange', () => {
  test('sets, replaces and removes levels of the next version', () => {
    const next = applyChange(
      book,
      change(5, [
        { side: 'offer', zone: '', priceMicroPerKwh: 240, energyWh: 0, orders: 0 },
        { side: 'bid', zone: '', priceMicroPerKwh: 200, energyWh: '900', orders: 2 },
        { side: 'bid', zone: '', priceMicroPerKwh: 210, energyWh: 50, orders: 1 },
      ]),
    )

    expect(next?.version).toBe(5)
    expect(depth(next?.levels ?? [], 'offer').map((point) => point.energyWh)).toEqual([200n, 500n])
    expect(depth(next?.levels ?? [], 'bid').map((point) => point.energyWh)).toEqual([50n, 900n])
  })

  test('an older change is known already', () => {
    expect(applyChange(book, change(4))).toBe(book)
  })

  test('a gap asks for the book anew', () => {
    expect(applyChange(book, change(6))).toBeNull()
  })
})

describe('fillEstimate', () => {
  test('takes from the best on and says how much there is', () => {
    const offers = depth(book.levels, 'offer')

    expect(fillEstimate(offers, 1500n)).toEqual({ filledWh: 1500n, averageMicro: 252n })
    expect(fillEstimate(offers, 9000n).filledWh).toBe(1700n)
    expect(fillEstimate([], 1n)).toEqual({ filledWh: 0n, averageMicro: 0n })
  })
})

test('readLevel is exact', () => {
  const shown = { side: 'bid', zone: '', pricePerKwh: '0.24', energyKwh: '1.5', orders: 3 } as const

  expect(readLevel(shown)).toEqual({ side: 'bid', zone: '', priceMicro: 240_000n, energyWh: 1500n, orders: 3 })
})
