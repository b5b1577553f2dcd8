// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { ApiProblem } from '@/shared/api/problem'
import { coinText, mostWei, refuseShort } from './fee'
import { troubleOf } from './trouble'

const COST = { gas: 97_392n, maxFeeWei: 1_500_000_000n, valueWei: 0n } // 0.000146088 ETH
const ACCOUNT = '0x1C76fE6Df3D3bE0A9cB8C3c5e5d2bF6a0f3a9E01'

function refused(balanceWei: bigint): unknown {
  try {
    refuseShort(balanceWei, COST, ACCOUNT, 'ETH')
    return null
  } catch (problem) {
    return problem
  }
}

test('the most a transaction can take is its gas at the highest price and the value sent', () => {
  expect(mostWei(COST)).toBe(146_088_000_000_000n)
  expect(mostWei({ ...COST, valueWei: 7n })).toBe(146_088_000_000_007n)
})

test('a balance of exactly that much is enough, one wei less is not', () => {
  expect(refused(mostWei(COST))).toBeNull()
  expect(refused(mostWei(COST) - 1n)).toBeInstanceOf(ApiProblem)
})

test('who has too little reads how much is there, how much is needed and what to do', () => {
  const { code, what, advice } = troubleOf(refused(120_000_000_000_000n))

  expect(code).toBe('wallet.short')
  expect(what).toBe('Your wallet has 0.00012 ETH, and the transaction may cost up to 0.0001461 ETH.')
  expect(advice).toContain('at least 0.00002609 ETH')
  expect(advice).toContain(ACCOUNT)
})

test('rounding never makes too little look enough', () => {
  const needed = 123_451_000_000_000n
  expect(coinText(needed - 1n, 'down', 'ETH')).toBe('0.0001234 ETH')
  expect(coinText(needed, 'up', 'ETH')).toBe('0.0001235 ETH')
  expect(coinText(0n, 'down', 'POL')).toBe('0 POL')
  expect(coinText(999n, 'up', 'POL')).toBe('0.000000000000000999 POL')
})
