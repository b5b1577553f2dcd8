// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'
import { checkOrder, checkPurchase, hindranceText, type Facts, type Field, type OrderForm, type WalletFacts } from './validation'

const WALLET = '0x00000000000000000000000000000000000000aa'
const ready: WalletFacts = { address: WALLET, chainId: 31337, wantedChainId: 31337, balanceWei: 10n }
const form: OrderForm = { isBid: false, venue: 'book', kind: 'limit', energy: '1.5', minFill: '', price: '0.24', taker: '' }
const facts: Facts = {
  now: new Date('2026-11-21T17:00:00Z'),
  interval: {
    start: new Date('2026-11-21T18:00:00Z'),
    gateOpens: new Date('2026-11-14T18:00:00Z'),
    gateCloses: new Date('2026-11-21T18:00:00Z'),
  },
  house: { hindrance: null, wallet: WALLET, offerRestWh: 2_000n, bidRestWh: 4_000n },
  minPriceMicro: 10_000n,
  maxPriceMicro: 500_000n,
  currency: 'USD',
  wallet: ready,
}

describe('checkOrder', () => {
  test('an order that may be signed has exact amounts', () => {
    expect(checkOrder(form, facts)).toEqual({ problems: [], amounts: { energyWh: 1500n, minFillWh: 0n, priceMicro: 240_000n } })
  })

  test.each<[string, Partial<OrderForm>, Partial<Facts>, Field, string]>([
    ['no house', {}, { house: null }, 'house', 'Choose a house'],
    ['not enrolled', {}, { house: { hindrance: 'not_enrolled', wallet: null, offerRestWh: 9_000n, bidRestWh: 0n } }, 'house', 'operator'],
    ['no interval', {}, { interval: null }, 'interval', 'Choose'],
    ['closed', {}, { now: new Date('2026-11-21T18:00:00Z') }, 'interval', 'no orders any more'],
    ['too early', {}, { now: new Date('2026-11-01T00:00:00Z') }, 'interval', 'from'],
    ['no energy', { energy: '' }, {}, 'energy', 'Enter'],
    ['words', { energy: 'much' }, {}, 'energy', 'such as'],
    ['too fine', { energy: '1.0001' }, {}, 'energy', 'At most 3'],
    ['negative', { energy: '-1' }, {}, 'energy', 'positive'],
    ['nothing', { energy: '0' }, {}, 'energy', 'above zero'],
    ['over capacity', { energy: '2.001' }, {}, 'energy', 'deliver 2 kWh more'],
    ['over the draw', { energy: '4.001', isBid: true }, {}, 'energy', 'draw 4 kWh more'],
    ['over the contract', { energy: '4294967.296' }, {}, 'energy', 'at most'],
    ['least fill too large', { minFill: '1.6' }, {}, 'minFill', 'cannot be more'],
    ['free', { price: '0' }, {}, 'price', 'above zero'],
    ['too cheap', { price: '0.009999' }, {}, 'price', 'lowest'],
    ['too dear', { price: '0.500001' }, {}, 'price', 'highest'],
    ['direct bid', { venue: 'direct', isBid: true }, {}, 'taker', 'bids go to the book'],
    ['taker mistyped', { venue: 'direct', taker: '0x12' }, {}, 'taker', '40 digits'],
    ['taker is oneself', { venue: 'direct', taker: WALLET.toUpperCase().replace('0X', '0x') }, {}, 'taker', 'yourself'],
    ['no wallet', {}, { wallet: { ...ready, address: null } }, 'wallet', 'Connect'],
    ['another wallet', {}, { wallet: { ...ready, address: `0x${'11'.repeat(20)}` } }, 'wallet', 'Switch to the wallet'],
    ['another chain', {}, { wallet: { ...ready, chainId: 1 } }, 'wallet', 'network'],
  ])('%s', (_, typed, known, field, text) => {
    const { problems, amounts } = checkOrder({ ...form, ...typed }, { ...facts, ...known })

    expect(amounts).toBeNull()
    expect(problems.map((problem) => problem.field)).toEqual([field])
    expect(problems[0]?.text).toContain(text)
  })

  test('signing needs no gas', () => {
    expect(checkOrder(form, { ...facts, wallet: { ...ready, balanceWei: 0n } }).problems).toEqual([])
  })
})

describe('checkPurchase', () => {
  const offer = { restWh: 1_000n, minFillWh: 400n, gateCloses: new Date('2026-11-21T18:00:00Z') }

  test.each<[string, string, Partial<Facts>, Field | null]>([
    ['part', '0.4', {}, null],
    ['all', '1', {}, null],
    ['more than is left', '1.001', {}, 'energy'],
    ['too small a part', '0.399', {}, 'energy'],
    ['nothing', '0', {}, 'energy'],
    ['too late', '1', { now: new Date('2026-11-21T18:00:00Z') }, 'interval'],
    ['no coin at all', '1', { wallet: { ...ready, balanceWei: 0n } }, 'wallet'],
    ['balance unknown', '1', { wallet: { ...ready, balanceWei: null } }, null],
  ])('%s', (_, typed, known, field) => {
    const { problems, energyWh } = checkPurchase(typed, offer, { ...facts, ...known })

    expect(problems.map((problem) => problem.field)).toEqual(field === null ? [] : [field])
    expect(energyWh === null).toBe(field !== null)
  })

  test('the last of an offer may be smaller than its least part', () => {
    expect(checkPurchase('0.3', { ...offer, restWh: 300n }, facts).energyWh).toBe(300n)
  })
})

test('hindrances have words, new ones too', () => {
  expect(hindranceText(null)).toBeNull()
  expect(hindranceText('other_wallet')).toContain('not linked')
  expect(hindranceText('something_new')).toBe('This house cannot trade.')
})
