// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Details and ids of trades
/// @notice How `details` of the events and trade ids are packed; see `IEnergyTradeLog` for the layout.
library TradeDetails {
    /// @dev Kinds of an entry: logged by one party, offer filled by its buyer, matched pair, confirmation.
    uint256 internal constant LOGGED = 0;
    uint256 internal constant FILLED = 1;
    uint256 internal constant MATCHED = 2;
    uint256 internal constant CONFIRMED = 3;

    /// @notice Pack what is known of a trade, from the lowest bit.
    /// @param kind Kind of the entry.
    /// @param offerSlot Slot of the offer, u16.
    /// @param bidSlot Slot of the bid, u16.
    /// @param factorId Emission factor, u32.
    /// @param deliveryMinutes Length of the delivery interval, u16.
    /// @param deliveryStart Start of the delivery interval, u32.
    /// @param buyerMeter Meter of the buyer, u64.
    /// @param sellerMeter Meter of the seller, u64.
    /// @return details The packed word.
    function pack(
        uint256 kind,
        uint256 offerSlot,
        uint256 bidSlot,
        uint256 factorId,
        uint256 deliveryMinutes,
        uint256 deliveryStart,
        uint256 buyerMeter,
        uint256 sellerMeter
    ) internal pure returns (uint256 details) {
        return kind | (offerSlot << 8) | (bidSlot << 24) | (factorId << 40) | (deliveryMinutes << 72)
            | (deliveryStart << 88) | (buyerMeter << 120) | (sellerMeter << 184);
    }

    /// @notice Id of item `index` of what `namespace` logged under `nonce`.
    /// @param namespace Wallet that logged, or the contract for matches.
    /// @param nonce Nonce, 80 bits.
    /// @param index Place in the batch, 16 bits.
    /// @return Trade id.
    function tradeId(address namespace, uint256 nonce, uint256 index) internal pure returns (bytes32) {
        return bytes32((uint256(uint160(namespace)) << 96) | (nonce << 16) | index);
    }
}
