// SPDX-License-Identifier: Apache-2.0
/** The check of a path through a Merkle–Patricia trie: from a block's root down to one receipt or transaction. */
import { asBytes, asList, BadEncoding, keccak, rlpDecode, rlpOfIndex, sameBytes, type Bytes, type Rlp } from './encoding'

/**
 * The value that `path` proves under `root` at `index`. `path` holds the RLP-encoded nodes from the root to the leaf;
 * nodes under 32 bytes stand inside their parent. Throws BadEncoding when it proves none, or has a node too many.
 */
export function valueAt(root: Bytes, index: number, path: readonly Bytes[]): Bytes {
  let used = 0
  const resolve = (digest: Bytes): readonly Rlp[] => {
    const node = path[used++]
    if (node === undefined) throw new BadEncoding('the path ends before the leaf')
    if (!sameBytes(keccak(node), digest)) {
      throw new BadEncoding('a node of the path does not have the hash that its parent names')
    }
    return asList(rlpDecode(node))
  }
  const value = walk(resolve(root), nibblesOf(rlpOfIndex(index)), resolve)
  if (used < path.length) throw new BadEncoding('the path has nodes beyond the leaf')
  return value
}

function walk(start: readonly Rlp[], key: readonly number[], resolve: (digest: Bytes) => readonly Rlp[]): Bytes {
  let node = start
  let nibbles = key
  for (;;) {
    let target: Rlp | undefined
    if (node.length === 17) {
      if (nibbles.length === 0) return asBytes(node[16])
      target = node[nibbles[0] ?? 16]
      nibbles = nibbles.slice(1)
    } else if (node.length === 2) {
      const [part, isLeaf] = expand(asBytes(node[0]))
      const fits = part.every((nibble, place) => nibble === nibbles[place])
      if (!fits || (isLeaf && part.length !== nibbles.length)) throw new BadEncoding('the path leads to another key')
      if (isLeaf) return asBytes(node[1])
      target = node[1]
      nibbles = nibbles.slice(part.length)
    } else {
      throw new BadEncoding('a node of the path has neither 2 nor 17 items')
    }
    node = target instanceof Uint8Array ? resolve(asBytes(target, 32)) : asList(target)
  }
}

const nibblesOf = (key: Bytes): number[] => Array.from(key).flatMap((byte) => [byte >> 4, byte & 15])

function expand(packed: Bytes): [number[], boolean] {
  const nibbles = nibblesOf(packed)
  const head = nibbles[0]
  if (head === undefined || head > 3 || (head % 2 === 0 && nibbles[1] !== 0)) {
    throw new BadEncoding('a node of the path has no valid key')
  }
  return [nibbles.slice(head % 2 ? 1 : 2), head >= 2]
}
