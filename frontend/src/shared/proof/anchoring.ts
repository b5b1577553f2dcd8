// SPDX-License-Identifier: Apache-2.0
/**
 * From consistent to proven: are the blocks that a bundle names blocks of the real chain? Two ways to know: hashes that
 * the reader has from elsewhere, or a node of the reader's own that holds these blocks.
 */
import type { Hex } from 'viem'
import type { JsonObject } from './canonical'
import { neededBlocks, type Falsehood, type NamedBlock, type Verdict } from './check'

/** How to ask a node: the request of an EIP-1193 wallet, or JSON-RPC over HTTP. */
export interface ChainNode {
  readonly name: string
  request(method: string, params: readonly unknown[]): Promise<unknown>
}

/** What was learned about the blocks of a bundle. */
export interface Anchoring {
  readonly falsehoods: readonly Falsehood[]
  readonly notes: readonly string[]
  readonly anchored: ReadonlySet<Hex>
}

export type Outcome = 'proven' | 'consistent' | 'false'

/** A node is away, or answers what is no JSON-RPC. */
export class NodeFailed extends Error {}

const TIMEOUT_MS = 15_000

/** A node at an address; only its host is shown, because paths may hold keys. */
export function httpNode(url: string): ChainNode {
  const name = new URL(url).host
  return {
    name,
    async request(method, params) {
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          credentials: 'omit',
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        })
        const answer = (await response.json()) as { result?: unknown; error?: { message?: string } }
        if (answer.error) throw new NodeFailed(`${name}: ${method}: ${answer.error.message ?? 'refused'}`)
        return answer.result
      } catch (error) {
        if (error instanceof NodeFailed) throw error
        throw new NodeFailed(`${name} does not answer ${method}`, { cause: error })
      }
    },
  }
}

/** The hash of a block by number; null when the node knows none. Throws NodeFailed. */
export async function blockHash(node: ChainNode, number: bigint): Promise<string | null> {
  const block = await node.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])
  const hash = block && typeof block === 'object' && 'hash' in block ? block.hash : null
  return typeof hash === 'string' ? hash.toLowerCase() : null
}

/** Ask the reader's own node for the bundle's chain and blocks. A node that does not answer is a note, no falsehood. */
export async function askNode(verdict: Verdict, chain: JsonObject, node: ChainNode): Promise<Anchoring> {
  const falsehoods: Falsehood[] = []
  const anchored = new Set<Hex>()
  try {
    falsehoods.push(...(await chainDiffers(chain, node)))
    for (const [role, block] of falsehoods.length ? [] : verdict.blocks) {
      const found = await blockHash(node, block.number)
      if (found === block.hash) anchored.add(block.hash)
      else falsehoods.push({ field: `evidence ${role}: block ${block.number}`, says: block.hash, evidence: found })
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { falsehoods, notes: [error.message], anchored: new Set() }
  }
  return { falsehoods, notes: [], anchored }
}

async function chainDiffers(chain: JsonObject, node: ChainNode): Promise<Falsehood[]> {
  const chainId = Number(await node.request('eth_chainId', []))
  if (chainId !== chain.chainId) {
    return [{ field: 'chain.chainId', says: chain.chainId ?? null, evidence: chainId, note: `of ${node.name}` }]
  }
  const genesis = await blockHash(node, 0n)
  if (genesis === chain.genesisHash) return []
  return [{ field: 'chain.genesisHash', says: chain.genesisHash ?? null, evidence: genesis, note: `of ${node.name}` }]
}

/** Take hashes that the reader brought: one of them must be the trade's block. */
export function trustHashes(verdict: Verdict, hashes: readonly string[]): Anchoring {
  const anchored = new Set(hashes.map((hash) => hash.toLowerCase() as Hex))
  const block = verdict.blocks.get('trade')
  const isOther = anchored.size > 0 && block !== undefined && !anchored.has(block.hash)
  const falsehoods: Falsehood[] = isOther
    ? [{ field: `evidence trade: block ${block.number}`, says: block.hash, note: 'not the hash that you trust' }]
    : []
  return { falsehoods, notes: [], anchored }
}

/** False beats all; proven needs every block on which the claim rests. */
export function outcomeOf(verdict: Verdict, learned: readonly Anchoring[]): Outcome {
  if (verdict.falsehoods.length > 0 || learned.some((part) => part.falsehoods.length > 0)) return 'false'
  return missingBlocks(verdict, learned).size === 0 ? 'proven' : 'consistent'
}

/** The blocks that nobody independent has vouched for yet. */
export function missingBlocks(verdict: Verdict, learned: readonly Anchoring[]): Map<string, NamedBlock> {
  const isMissing = (block: NamedBlock) => !learned.some((part) => part.anchored.has(block.hash))
  return new Map([...neededBlocks(verdict)].filter(([, block]) => isMissing(block)))
}
