// SPDX-License-Identifier: Apache-2.0
/** The functions and refusals of the trade log that the market page meets. A test holds them against the contract's ABI. */
import { parseAbi, toFunctionSelector } from 'viem'

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

const BY_SELECTOR = new Map(
  TRADE_LOG_ABI.filter((item) => item.type === 'error').map((item) => [toFunctionSelector(`${item.name}(${item.inputs.map(({ type }) => type).join(',')})`), item.name]),
)

/** The refusal that a wallet's text mentions: some keep the revert's data to themselves and only quote its selector. */
export function refusalIn(text: string): string | null {
  const [selector] = /0x[0-9a-f]{8}(?=[^0-9a-f]|$)/i.exec(text) ?? []
  return selector === undefined ? null : (BY_SELECTOR.get(selector.toLowerCase() as `0x${string}`) ?? null)
}
