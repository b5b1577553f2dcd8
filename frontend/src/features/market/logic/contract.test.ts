// SPDX-License-Identifier: Apache-2.0
import { BaseError, ContractFunctionRevertedError, encodeErrorResult, toFunctionSelector, type Abi, type AbiItem } from 'viem'
import { describe, expect, test } from 'vitest'
import { ApiProblem } from '@/shared/api/problem'
import published from '../../../../../contracts/abi/EnergyTradeLog.json'
import { walletProblem } from '@/shared/wallet/errors'
import { refusalIn, TRADE_LOG_ABI } from './contract'
import { KNOWN_REFUSALS, refusal, troubleOf } from './trouble'

const abi = (Array.isArray(published) ? published : (published as { abi: unknown }).abi) as Abi

function signature(item: AbiItem): string {
  const { name, inputs } = item as unknown as { name: string; inputs: { type: string; components?: { type: string }[] }[] }
  const types = inputs.map(({ type, components }) => (components ? `(${components.map((part) => part.type).join(',')})` : type))
  return `${item.type} ${name}(${types.join(',')})`
}

describe('TRADE_LOG_ABI', () => {
  test('each function and error is the published contract’s', () => {
    const known = new Set(abi.filter(({ type }) => type === 'function' || type === 'error').map(signature))

    expect(TRADE_LOG_ABI.map(signature).filter((item) => !known.has(item))).toEqual([])
  })

  test('each error has words of its own', () => {
    const errors = TRADE_LOG_ABI.filter(({ type }) => type === 'error').map(({ name }) => name)

    expect([...KNOWN_REFUSALS].sort()).toEqual([...errors].sort())
  })
})

describe('troubleOf', () => {
  test('a revert says what the contract says', () => {
    const data = encodeErrorResult({
      abi: TRADE_LOG_ABI,
      errorName: 'EnergyTradeLogOverfilled',
      args: ['0x00000000000000000000000000000000000000aa', 900n, 200n, 1000n],
    })
    const cause = new ContractFunctionRevertedError({ abi: TRADE_LOG_ABI, data, functionName: 'fillOffer' })

    const trouble = troubleOf(walletProblem(new BaseError('outer', { cause })))

    expect(trouble.code).toBe('contract.EnergyTradeLogOverfilled')
    expect(trouble.what).toContain('less is left')
  })

  test.each([
    [{ code: 4001, message: 'no' }, 'wallet.rejected', 'declined'],
    [new Error('insufficient funds for gas * price + value'), 'wallet.no_gas', 'balance'],
    [new Error('boom'), 'wallet.failed', 'failure'],
    [new ApiProblem(409, 'trade.reverted', 'x'), 'trade.reverted', 'nothing was traded'],
    [new ApiProblem(409, 'offer.taken', 'Less is left'), 'offer.taken', 'Less is left'],
    [new ApiProblem(0, 'network.unreachable', 'x'), 'network.unreachable', 'cannot be reached'],
  ])('%o is %s', (error, code, words) => {
    const trouble = troubleOf(walletProblem(error))

    expect(trouble.code).toBe(code)
    expect(trouble.what).toContain(words)
  })
})

test.each([
  ['execution reverted: custom error 0x0987e809: 000000000000', 'EnergyTradeLogOrderCancelled'],
  ['execution reverted: custom error 0x00000000', null],
  ['execution reverted at 0x00000000000000000000000000000000000000aa', null],
  ['execution reverted', null],
])('refusalIn %j is %s', (text, name) => {
  expect(refusalIn(text)).toBe(name)
})

test('an error without words of its own is still readable', () => {
  expect(refusal('EnergyTradeLogWrongInterval').what).toBe('The contract refused: wrong interval.')
})

test('the selector of fillOffer is the contract’s', () => {
  const fill = abi.find((item) => item.type === 'function' && item.name === 'fillOffer')
  const ours = TRADE_LOG_ABI.find((item) => item.type === 'function' && item.name === 'fillOffer')

  expect(fill?.type === 'function' && ours && toFunctionSelector(ours)).toBe(fill?.type === 'function' && toFunctionSelector(fill))
})
