// SPDX-License-Identifier: Apache-2.0
/** Proofs of trades, checked in the browser. Loaded lazily: it brings parts of viem. */
export { askNode, blockHash, httpNode, missingBlocks, NodeFailed, outcomeOf, trustHashes, type Anchoring, type ChainNode, type Outcome } from './anchoring'
export { bundleFile, chainOfBundle, loadBundle, readBundle } from './bundle'
export { isList, isObject, type Json, type JsonObject } from './canonical'
export { checkBundle, type Falsehood, type Verdict } from './check'
export { BlockList, CheckList, FalsehoodList, OutcomeBanner } from './Findings'
export { chosenNode, NodeForm, type ChooseNode } from './NodeForm'
export { signedOrders, type SignedOrder } from './orders'
