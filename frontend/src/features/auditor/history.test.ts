// SPDX-License-Identifier: Apache-2.0
import { toFunctionSelector } from 'viem'
import { expect, test } from 'vitest'
import type { ChainNode } from '@/shared/proof'
import { HISTORY, readCommitment } from './history'
import type { Report } from './report'

const hash = (digit: string) => `0x${digit.repeat(64)}`
const REPORT = {
  finalBlock: 40, finalHash: hash('4'), historyCount: 7, historyHead: hash('b'),
  deployment: { address: `0x${'1'.repeat(40)}`, chainId: 31337, genesisHash: hash('0') },
} as unknown as Report

function nodeWith(count: number): ChainNode {
  return {
    name: 'own node',
    request: (method, params) => {
      if (method === 'eth_call') return Promise.resolve(`0x${count.toString(16).padStart(64, '0')}${'b'.repeat(64)}`)
      return Promise.resolve({ hash: params[0] === '0x0' ? hash('0') : hash('4') })
    },
  }
}

test('the selector is that of history()', () => {
  expect(toFunctionSelector('history()')).toBe(HISTORY)
})

test('a node that agrees confirms every fact; another count is named', async () => {
  const same = await readCommitment(nodeWith(7), REPORT)
  const shorter = await readCommitment(nodeWith(6), REPORT)

  expect(same.facts.map((fact) => fact.holds)).toEqual([true, true, true, true])
  expect(shorter.facts.filter((fact) => !fact.holds).map((fact) => [fact.name, fact.report, fact.chain])).toEqual([
    ['Entries in the history', '7', '6'],
  ])
})

test('an address without the contract is no answer', async () => {
  const nothing: ChainNode = { name: 'own node', request: (method) => Promise.resolve(method === 'eth_call' ? '0x' : { hash: hash('0') }) }

  await expect(readCommitment(nothing, REPORT)).rejects.toThrow('no trade log answers there')
})
