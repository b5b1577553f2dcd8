// SPDX-License-Identifier: Apache-2.0
/** The functions of the trade log that the market page calls, and its refusals in plain words. */
import { BaseError, ContractFunctionRevertedError, parseAbi } from 'viem'

export const TRADE_LOG_ABI = parseAbi([
  'struct Order { address maker; address taker; bool isBid; uint64 meter; uint32 deliveryStart; uint32 expiry; uint32 energyWh; uint32 minFillWh; uint40 pricePerKwh; uint32 factorId; uint16 slot; uint16 deliveryMinutes; }',
  'function fillOffer(Order order, bytes signature, uint80 nonce, uint32 energyWh, uint64 buyerMeter) returns (bytes32 tradeId)',
  'function cancel(uint96 lane, uint32 deliveryStart, uint8 mask)',
  'error EnergyTradeLogPaused()',
  'error EnergyTradeLogIsClosed(address successor)',
  'error EnergyTradeLogNotStarted(address predecessor)',
  'error EnergyTradeLogSelfTrade(address wallet)',
  'error EnergyTradeLogNonceUsed(address namespace, uint80 nonce)',
  'error EnergyTradeLogWrongTaker(address taker, address caller)',
  'error EnergyTradeLogOrderExpired(uint32 expiry, uint256 time)',
  'error EnergyTradeLogLaneRecycled(address maker, uint96 lane, uint32 laneStart, uint32 deliveryStart)',
  'error EnergyTradeLogOrderCancelled(address maker, uint16 slot, uint32 deliveryStart)',
  'error EnergyTradeLogOverfilled(address maker, uint256 filledWh, uint256 energyWh, uint256 limitWh)',
  'error EnergyTradeLogFillTooSmall(address maker, uint256 energyWh, uint256 minFillWh)',
  'error EnergyTradeLogBadSignature(address maker, bytes32 digest)',
  'error EnergyTradeLogGasTooLow(uint256 gasLeft, uint256 gasNeeded)',
  'error EnergyTradeLogUnknownMeter(uint64 meter)',
  'error EnergyTradeLogNotMeterOwner(uint64 meter, address owner, address wallet)',
  'error EnergyTradeLogCommunitiesDiffer(uint32 sellerCommunity, uint32 buyerCommunity)',
  'error EnergyTradeLogUnknownFactor(uint32 factorId)',
  'error EnergyTradeLogFactorNotEffective(uint32 factorId, uint256 effectiveAt, uint256 time)',
  'error EnergyTradeLogFactorNotValid(uint32 factorId, uint256 validFrom, uint256 validTo, uint256 deliveryStart)',
  'error EnergyTradeLogFactorRegion(uint32 factorId, bytes4 factorRegion, bytes4 meterRegion)',
])

/** What went wrong, and what to do. */
export interface Trouble {
  readonly code: string
  readonly what: string
  readonly advice: string
}

const REFUSALS: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  EnergyTradeLogPaused: ['The contract is paused: no trade can be logged now.', 'Wait for the notice that it runs again; nothing was spent but gas.'],
  EnergyTradeLogIsClosed: ['This contract was closed for good.', 'Reload the page to trade on its successor.'],
  EnergyTradeLogNotStarted: ['The contract does not take trades yet.', 'Try again when your community announces it.'],
  EnergyTradeLogSelfTrade: ['Buyer and seller are the same wallet.', 'Choose an offer of somebody else.'],
  EnergyTradeLogNonceUsed: ['This purchase was logged already.', 'Look at your trades before you buy again.'],
  EnergyTradeLogWrongTaker: ['The offer is meant for another wallet.', 'Choose an offer that is open to all.'],
  EnergyTradeLogOrderExpired: ['The offer has expired.', 'Choose another offer.'],
  EnergyTradeLogLaneRecycled: ['The seller has replaced this offer.', 'Choose another offer.'],
  EnergyTradeLogOrderCancelled: ['The seller has cancelled this offer.', 'Choose another offer.'],
  EnergyTradeLogOverfilled: ['Somebody was faster: less is left of the offer than you asked for.', 'Choose a smaller amount or another offer.'],
  EnergyTradeLogFillTooSmall: ['The offer is not sold in such small parts.', 'Buy at least the least amount of the offer.'],
  EnergyTradeLogBadSignature: ['The seller’s signature does not fit the offer.', 'Do not buy it; report it to your community’s operator.'],
  EnergyTradeLogGasTooLow: ['The transaction had too little gas.', 'Send it again and let the wallet estimate the gas.'],
  EnergyTradeLogUnknownMeter: ['The meter is not enrolled on chain.', 'Ask your community’s operator to enrol it.'],
  EnergyTradeLogNotMeterOwner: ['The meter belongs to another wallet.', 'Switch to the wallet that your meter was enrolled with.'],
  EnergyTradeLogCommunitiesDiffer: ['Buyer and seller belong to different communities.', 'Choose an offer of your own community.'],
  EnergyTradeLogUnknownFactor: ['The offer names an emission factor that does not exist.', 'Choose another offer.'],
  EnergyTradeLogFactorNotEffective: ['The offer’s emission factor is not in effect yet.', 'Try again later or choose another offer.'],
  EnergyTradeLogFactorNotValid: ['The offer’s emission factor does not cover its delivery.', 'Choose another offer.'],
  EnergyTradeLogFactorRegion: ['The offer’s emission factor is of another region.', 'Choose another offer.'],
}
const REJECTED = 4001
const UNKNOWN_CHAIN = 4902

/** A wallet's or a node's error in words. Never throws. */
export function troubleOf(error: unknown): Trouble {
  const reverted = revertOf(error)
  if (reverted !== null) return refusal(reverted)
  const code = codeOf(error)
  const text = textOf(error)
  if (code === REJECTED || /user (rejected|denied)/i.test(text)) {
    return { code: 'wallet.rejected', what: 'You declined in the wallet. Nothing was signed or sent.', advice: 'Try again if that was not meant.' }
  }
  if (code === UNKNOWN_CHAIN || /chain mismatch|does not match the target chain|unrecognized chain/i.test(text)) {
    return { code: 'wallet.wrong_chain', what: 'Your wallet is on another chain.', advice: 'Switch the network, then try again.' }
  }
  if (/insufficient funds|exceeds the balance/i.test(text)) {
    return { code: 'wallet.funds', what: 'The wallet cannot pay the gas of this transaction.', advice: 'Add some of the chain’s coin to the wallet, then try again.' }
  }
  if (/nonce too low|replacement transaction underpriced|already known/i.test(text)) {
    return { code: 'wallet.replaced', what: 'Another transaction of the wallet took this one’s place.', advice: 'Look at the wallet’s activity, then try again.' }
  }
  return { code: 'wallet.failed', what: 'The wallet could not do it.', advice: text.slice(0, 200) || 'Try again.' }
}

/** A refusal of the contract by the name of its error. */
export function refusal(name: string): Trouble {
  const [what, advice] = REFUSALS[name] ?? [
    `The contract refused: ${spaced(name)}.`,
    'Nothing was traded. Choose another offer, or ask your community’s operator.',
  ]
  return { code: `contract.${name}`, what, advice }
}

/** Names of the errors that are told in words of their own. */
export const KNOWN_REFUSALS = Object.keys(REFUSALS)

function revertOf(error: unknown): string | null {
  if (!(error instanceof BaseError)) return null
  const found = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
  if (!(found instanceof ContractFunctionRevertedError)) return null
  return found.data?.errorName ?? found.reason ?? 'without a reason'
}

function codeOf(error: unknown): number | null {
  for (let cause = error; typeof cause === 'object' && cause !== null; cause = (cause as { cause?: unknown }).cause) {
    const { code } = cause as { code?: unknown }
    if (typeof code === 'number') return code
  }
  return null
}

function textOf(error: unknown): string {
  if (error instanceof BaseError) return `${error.shortMessage} ${error.details}`
  return error instanceof Error ? error.message : ''
}

function spaced(name: string): string {
  return name.replace(/^EnergyTradeLog/, '').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}
