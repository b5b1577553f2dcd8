// SPDX-License-Identifier: Apache-2.0
/** The contract's own count and head of its history, asked of a node that the auditor chooses, as of an audited block. */
import { blockHash, NodeFailed, type ChainNode } from '@/shared/proof'
import type { Report } from './report'

/** The first four bytes of keccak256("history()"). */
export const HISTORY = '0x98daac83'

export interface Commitment {
  node: string
  /** Each fact with what the report says and what the node says. */
  facts: readonly { name: string; report: string; chain: string; holds: boolean }[]
}

/** Ask `node`. Throws NodeFailed. */
export async function readCommitment(node: ChainNode, report: Report): Promise<Commitment> {
  const genesis = await blockHash(node, 0n)
  const hash = await blockHash(node, BigInt(report.finalBlock))
  const call = { to: report.deployment.address, data: HISTORY }
  const answer = await node.request('eth_call', [call, `0x${report.finalBlock.toString(16)}`])
  if (typeof answer !== 'string' || !/^0x[0-9a-fA-F]{128}$/.test(answer)) throw new NodeFailed(`${node.name}: no trade log answers there`)
  const count = BigInt(answer.slice(0, 66)).toString()
  const head = `0x${answer.slice(66)}`.toLowerCase()
  const facts = [
    ['Genesis block', report.deployment.genesisHash, genesis ?? 'none'],
    [`Hash of block ${report.finalBlock}`, report.finalHash, hash ?? 'none'],
    ['Entries in the history', String(report.historyCount), count],
    ['Head of the history', report.historyHead, head],
  ] as const
  return { node: node.name, facts: facts.map(([name, said, chain]) => ({ name, report: said, chain, holds: said === chain })) }
}
