// SPDX-License-Identifier: Apache-2.0
/**
 * The orders that stand, with their signatures, in the transaction of a proven trade: whose key signed what. The contract
 * has checked them; here they are checked again. A signature that no key made may be a contract wallet's (EIP-1271).
 */
import { decodeFunctionData, hashTypedData, parseAbi, type Hex } from 'viem'
import { isList, isObject, type Json } from './canonical'
import type { Verdict } from './check'
import { numeric, signerOf } from './documents'
import { asBytes, asList, byteAt, bytesOf, hexOf, rlpDecode, type Bytes } from './encoding'
import type { Trade } from './history'

const ORDER_FIELDS =
  'address maker, address taker, bool isBid, uint64 meter, uint32 deliveryStart, uint32 expiry, uint32 energyWh, ' +
  'uint32 minFillWh, uint40 pricePerKwh, uint32 factorId, uint16 slot, uint16 deliveryMinutes'
const ABI = parseAbi([
  'struct Order { address maker; address taker; bool isBid; uint64 meter; uint32 deliveryStart; uint32 expiry; uint32 energyWh; uint32 minFillWh; uint40 pricePerKwh; uint32 factorId; uint16 slot; uint16 deliveryMinutes; }',
  'struct Match { Order offer; Order bid; bytes offerSignature; bytes bidSignature; uint80 nonce; uint32 energyWh; uint40 pricePerKwh; }',
  'function fillOffer(Order order, bytes signature, uint80 nonce, uint32 energyWh, uint64 buyerMeter)',
  'function settleMatched(Match[] matches)',
])
const ORDER_TYPE = ORDER_FIELDS.split(', ').map((field) => {
  const [type = '', name = ''] = field.split(' ')
  return { type, name }
})

type Call = ReturnType<typeof decodeFunctionData<typeof ABI>>
export type Order = Extract<Call, { functionName: 'fillOffer' }>['args'][0]

/** An order inside a transaction. `isSigned`: the maker's own key made the signature. */
export interface SignedOrder {
  readonly order: Order
  readonly digest: Hex
  readonly isSigned: boolean
}

/** The orders of the trade in its transaction; none for a trade that one party logged, or that another contract sent. */
export async function signedOrders(bundle: Json, verdict: Verdict): Promise<readonly SignedOrder[]> {
  if (!isObject(bundle) || !isObject(bundle.chain) || !isList(bundle.evidence) || !verdict.trade) return []
  const [evidence] = bundle.evidence
  if (!isObject(evidence)) return []
  const { to, input } = callOf(bytesOf(evidence.transaction))
  if (hexOf(to) !== bundle.chain.contract) return []
  const domain = {
    name: 'GridX',
    version: '1',
    chainId: numeric(bundle.chain.chainId),
    verifyingContract: hexOf(to),
    salt: hexOf(bytesOf(bundle.chain.salt, 32)),
  }
  return Promise.all(
    ordersIn(input, verdict.trade).map(async ([order, signature]) => {
      const digest = hashTypedData({ domain, types: { Order: ORDER_TYPE }, primaryType: 'Order', message: { ...order } })
      const bytes = bytesOf(signature)
      const signer = bytes.length === 65 ? await signerOf(digest, bytes) : null
      return { order, digest, isSigned: signer === order.maker.toLowerCase() }
    }),
  )
}

/** Receiver and call data of a raw transaction: legacy, or of the types 1 to 4. */
function callOf(transaction: Bytes): { to: Bytes; input: Bytes } {
  const type = byteAt(transaction, 0)
  const fields = asList(rlpDecode(type < 0x80 ? transaction.subarray(1) : transaction))
  const at = type >= 0x80 ? 3 : type === 1 ? 4 : 5
  return { to: asBytes(fields[at]), input: asBytes(fields[at + 2]) }
}

function ordersIn(input: Bytes, trade: Trade): readonly (readonly [Order, Hex])[] {
  let call: Call
  try {
    call = decodeFunctionData({ abi: ABI, data: hexOf(input) })
  } catch {
    return [] // another function of the contract: no orders
  }
  if (call.functionName === 'fillOffer') return [[call.args[0], call.args[1]]]
  const own = call.args[0].find(
    (match) =>
      match.offer.maker.toLowerCase() === trade.seller &&
      match.bid.maker.toLowerCase() === trade.buyer &&
      match.offer.meter === trade.sellerMeter &&
      BigInt(match.offer.deliveryStart) === trade.deliveryStart &&
      BigInt(match.energyWh) === trade.energyWh,
  )
  return own ? [[own.offer, own.offerSignature], [own.bid, own.bidSignature]] : []
}
