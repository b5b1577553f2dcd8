// SPDX-License-Identifier: Apache-2.0
import { BaseError, ContractFunctionRevertedError, encodeErrorResult, toFunctionSelector, type Abi, type AbiItem } from 'viem'
import { describe, expect, test } from 'vitest'
import published from '../../../../../contracts/abi/EnergyTradeLog.json'
import { KNOWN_REFUSALS, refusal, TRADE_LOG_ABI, troubleOf } from './contract'

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

    const trouble = troubleOf(new BaseError('outer', { cause }))

    expect(trouble.code).toBe('contract.EnergyTradeLogOverfilled')
    expect(trouble.what).toContain('less is left')
  })

  test.each([
    [{ code: 4001, message: 'no' }, 'wallet.rejected'],
    [new Error('MetaMask: User denied transaction signature.'), 'wallet.rejected'],
    [{ code: 4902 }, 'wallet.wrong_chain'],
    [new Error('insufficient funds for gas * price + value'), 'wallet.funds'],
    [new Error('nonce too low'), 'wallet.replaced'],
    [new Error('boom'), 'wallet.failed'],
    ['?', 'wallet.failed'],
    [new BaseError('outer', { cause: Object.assign(new Error('inner'), { code: 4001 }) }), 'wallet.rejected'],
  ])('%o is %s', (error, code) => {
    expect(troubleOf(error).code).toBe(code)
  })
})

test('an error without words of its own is still readable', () => {
  expect(refusal('EnergyTradeLogWrongInterval').what).toBe('The contract refused: wrong interval.')
})

test('the selector of fillOffer is the contract’s', () => {
  const fill = abi.find((item) => item.type === 'function' && item.name === 'fillOffer')
  const ours = TRADE_LOG_ABI.find((item) => item.type === 'function' && item.name === 'fillOffer')

  expect(fill?.type === 'function' && ours && toFunctionSelector(ours)).toBe(fill?.type === 'function' && toFunctionSelector(fill))
})
