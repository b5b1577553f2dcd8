// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Refusals of the GridX energy trade log
/// @notice Each error carries the facts that the refusal rests on. In `settleMatched` the selector of an error is the
///         reason of `MatchSkipped`; `checkMatch` returns the whole error.
interface IEnergyTradeLogErrors {
    // --- state of the log -------------------------------------------------------------------------------------

    /// @notice Logging is paused; cancelling is not.
    error EnergyTradeLogPaused();
    /// @notice The log is not paused.
    error EnergyTradeLogNotPaused();
    /// @notice The log was closed for good; `successor` (or nobody, when zero) continues its history.
    error EnergyTradeLogIsClosed(address successor);
    /// @notice The log waits for the history of `predecessor`: call `continueHistory` once that log is closed.
    error EnergyTradeLogNotStarted(address predecessor);
    /// @notice The history of a predecessor was taken over already, or there is none.
    error EnergyTradeLogStarted();
    /// @notice `predecessor` is not closed in favour of this contract; it names `successor`.
    error EnergyTradeLogNotSuccessor(address predecessor, address successor);
    /// @notice A role, a wallet or the default factor is missing from the arguments of the constructor.
    error EnergyTradeLogZeroAddress();

    // --- trades -----------------------------------------------------------------------------------------------

    /// @notice The caller is neither seller nor buyer.
    error EnergyTradeLogNotAParty(address caller, address seller, address buyer);
    /// @notice Seller and buyer are the same wallet.
    error EnergyTradeLogSelfTrade(address wallet);
    /// @notice A party is the zero address.
    error EnergyTradeLogZeroParty(address seller, address buyer);
    /// @notice Energy is zero or above `limit` watt-hours.
    error EnergyTradeLogEnergyOutOfRange(uint256 energyWh, uint256 limit);
    /// @notice Price is zero or above `limit` micro-units per kWh.
    error EnergyTradeLogPriceOutOfRange(uint256 pricePerKwh, uint256 limit);
    /// @notice `nonce` was used before in `namespace`.
    error EnergyTradeLogNonceUsed(address namespace, uint80 nonce);
    /// @notice A chosen nonce lies below 2**79.
    error EnergyTradeLogNonceOutOfRange(uint80 nonce);
    /// @notice `length` bytes are not 1 to 65,535 items of 30 bytes.
    error EnergyTradeLogItemsMalformed(uint256 length);
    /// @notice Flags of item `index` have bits other than bit 0.
    error EnergyTradeLogFlagsUnknown(uint256 index, uint8 flags);
    /// @notice No trade with this id was logged by one party.
    error EnergyTradeLogUnknownTrade(bytes32 tradeId);
    /// @notice The caller logged `tradeId` itself; the other party confirms.
    error EnergyTradeLogOwnTrade(bytes32 tradeId, address caller);

    // --- orders -----------------------------------------------------------------------------------------------

    /// @notice A field of the order with this digest lies outside the range of its type.
    error EnergyTradeLogOrderMalformed(bytes32 digest);
    /// @notice An offer was expected where `isBid` says otherwise, or the reverse.
    error EnergyTradeLogWrongSide(address maker, bool isBid);
    /// @notice The order is for `taker`, not for `caller`.
    error EnergyTradeLogWrongTaker(address taker, address caller);
    /// @notice The order could be logged until `expiry`; it is `time` now.
    error EnergyTradeLogOrderExpired(uint32 expiry, uint256 time);
    /// @notice The order's interval is `deliveryMinutes` long, the community's `communityMinutes`.
    error EnergyTradeLogWrongInterval(uint16 deliveryMinutes, uint16 communityMinutes);
    /// @notice Offer and bid name different intervals.
    error EnergyTradeLogIntervalsDiffer(uint32 offerStart, uint32 bidStart);
    /// @notice Offer and bid name different factors.
    error EnergyTradeLogFactorsDiffer(uint32 offerFactorId, uint32 bidFactorId);
    /// @notice Positions are 0 to 6; position 7 of a word is its interval.
    error EnergyTradeLogPositionOutOfRange(uint16 slot);
    /// @notice The lane holds orders of the later interval `laneStart`; those of `deliveryStart` are dead.
    error EnergyTradeLogLaneRecycled(address maker, uint96 lane, uint32 laneStart, uint32 deliveryStart);
    /// @notice The maker has cancelled the order in this slot.
    error EnergyTradeLogOrderCancelled(address maker, uint16 slot, uint32 deliveryStart);
    /// @notice `filledWh + energyWh` would pass the order's `limitWh`.
    error EnergyTradeLogOverfilled(address maker, uint256 filledWh, uint256 energyWh, uint256 limitWh);
    /// @notice The fill is smaller than `minFillWh` and does not complete the order.
    error EnergyTradeLogFillTooSmall(address maker, uint256 energyWh, uint256 minFillWh);
    /// @notice The price is below the offer's limit or above the bid's.
    error EnergyTradeLogPriceOutsideLimits(uint256 pricePerKwh, uint256 offerLimit, uint256 bidLimit);
    /// @notice `signature` over `digest` is not `maker`'s.
    error EnergyTradeLogBadSignature(address maker, bytes32 digest);
    /// @notice Too little gas is left to ask a contract wallet for its answer.
    error EnergyTradeLogGasTooLow(uint256 gasLeft, uint256 gasNeeded);
    /// @notice Lanes lie below 2**13.
    error EnergyTradeLogLaneOutOfRange(uint96 lane);
    /// @notice A mask names at least one of the positions 0 to 6 and nothing else.
    error EnergyTradeLogMaskOutOfRange(uint8 mask);

    // --- meters and communities -------------------------------------------------------------------------------

    /// @notice No such meter is enrolled.
    error EnergyTradeLogUnknownMeter(uint64 meter);
    /// @notice `meter` belongs to `owner`, not to `wallet`.
    error EnergyTradeLogNotMeterOwner(uint64 meter, address owner, address wallet);
    /// @notice The meters belong to different communities.
    error EnergyTradeLogCommunitiesDiffer(uint32 sellerCommunity, uint32 buyerCommunity);
    /// @notice A meter is enrolled once; `meter` belongs to `owner`.
    error EnergyTradeLogMeterEnrolled(uint64 meter, address owner);
    /// @notice A meter's reference lies between 1 and 2**63 - 1.
    error EnergyTradeLogMeterOutOfRange(uint64 meter);
    /// @notice A meter needs an owner.
    error EnergyTradeLogZeroOwner(uint64 meter);
    /// @notice No such community is registered.
    error EnergyTradeLogUnknownCommunity(uint32 community);
    /// @notice A community is registered once.
    error EnergyTradeLogCommunityRegistered(uint32 community);
    /// @notice A community has a number above 0, a region, and intervals of 15, 30 or 60 minutes.
    error EnergyTradeLogCommunityMalformed(uint32 community, bytes4 region, uint16 deliveryMinutes);

    // --- emission factors -------------------------------------------------------------------------------------

    /// @notice No such factor is registered.
    error EnergyTradeLogUnknownFactor(uint32 factorId);
    /// @notice A factor's number is used once.
    error EnergyTradeLogFactorRegistered(uint32 factorId);
    /// @notice The factor can be used from `effectiveAt` on; it is `time` now.
    error EnergyTradeLogFactorNotEffective(uint32 factorId, uint256 effectiveAt, uint256 time);
    /// @notice The factor covers `[validFrom, validTo)`, which `deliveryStart` is outside of.
    error EnergyTradeLogFactorNotValid(uint32 factorId, uint256 validFrom, uint256 validTo, uint256 deliveryStart);
    /// @notice The factor holds for another region than the meters'.
    error EnergyTradeLogFactorRegion(uint32 factorId, bytes4 factorRegion, bytes4 meterRegion);
    /// @notice Trades claim avoided emissions: their factor has basis 2, an average rate (basis 1) is for inventories.
    error EnergyTradeLogFactorBasis(uint32 factorId, uint8 basis);
    /// @notice A factor has a number above 0, a region, basis 1 or 2, 1 to 3,000,000 mg/kWh and `validFrom < validTo`.
    error EnergyTradeLogFactorMalformed(
        uint32 factorId, bytes4 region, uint8 basis, uint32 mgPerKwh, uint64 validFrom, uint64 validTo
    );
}
