// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title GridX energy trade log
/// @notice Logs peer-to-peer energy trades with the consent of their parties, the carbon they are estimated to avoid,
///         and a history commitment from which anyone can prove that no trade was left out or altered.
/// @dev Everything a reader needs stands in events: the contract keeps no trade. A trade id is
///      `namespace << 96 | nonce << 16 | index`: the namespace is the caller (for matches: this contract), the nonce is
///      chosen by the caller and usable once, the index is the item's place in its batch. Sequential nonces of the
///      four-argument `logEnergyTrade` have their top bit (2**79) set, chosen nonces do not.
interface IEnergyTradeLog {
    // --- values -----------------------------------------------------------------------------------------------

    /// @notice An order of the market, signed by its maker (EIP-712).
    /// @param maker Wallet that owns `meter` and signs the order.
    /// @param taker Zero: any enrolled buyer. This contract: only `settleMatched`. Otherwise the one wallet that may take it.
    /// @param isBid True to buy, false to sell.
    /// @param meter Maker's meter.
    /// @param deliveryStart Start of the delivery interval, seconds since 1970 UTC.
    /// @param expiry Last second at which the order can be logged.
    /// @param energyWh Most energy this order trades, watt-hours.
    /// @param minFillWh Least energy of one fill, watt-hours; the remainder may be smaller.
    /// @param pricePerKwh Limit, micro-units of the community's currency per kWh.
    /// @param factorId Emission factor that the claim uses.
    /// @param slot `lane << 3 | position`, position 0 to 6: which fill counter the order uses.
    /// @param deliveryMinutes Length of the delivery interval in minutes.
    struct Order {
        address maker;
        address taker;
        bool isBid;
        uint64 meter;
        uint32 deliveryStart;
        uint32 expiry;
        uint32 energyWh;
        uint32 minFillWh;
        uint40 pricePerKwh;
        uint32 factorId;
        uint16 slot;
        uint16 deliveryMinutes;
    }

    /// @notice A pair that the market has matched.
    /// @param offer Seller's order; its taker is this contract.
    /// @param bid Buyer's order; its taker is this contract.
    /// @param offerSignature Seller's signature of `offer`.
    /// @param bidSignature Buyer's signature of `bid`.
    /// @param nonce Settlement nonce, drawn when the pair was matched; a second logging is skipped.
    /// @param energyWh Energy of the pair, watt-hours.
    /// @param pricePerKwh Price of the pair; not below the offer's, not above the bid's.
    struct Match {
        Order offer;
        Order bid;
        bytes offerSignature;
        bytes bidSignature;
        uint80 nonce;
        uint32 energyWh;
        uint40 pricePerKwh;
    }

    // --- events -----------------------------------------------------------------------------------------------

    /// @notice A trade was logged. Advances the history: count + 1, head = keccak256(head, topic0, topics 1 to 3, data).
    /// @param tradeId Id of the trade, stable over reorganisations.
    /// @param seller Wallet that sold.
    /// @param buyer Wallet that bought.
    /// @param energyWh Energy, watt-hours.
    /// @param pricePerKwh Price, micro-units of currency per kWh.
    /// @param carbonSavedGrams floor(energyWh * factor / 10**6), grams of CO2e.
    /// @param timestamp Time of the block.
    /// @param details Packed, from the lowest bit: kind u8 (0 logged by one party, 1 offer filled by its buyer, 2 matched),
    ///        offer slot u16, bid slot u16, factor id u32, delivery minutes u16, delivery start u32, buyer meter u64,
    ///        seller meter u64. What a kind does not know is zero.
    event EnergyTradeLogged(
        bytes32 indexed tradeId,
        address indexed seller,
        address indexed buyer,
        uint256 energyWh,
        uint256 pricePerKwh,
        uint256 carbonSavedGrams,
        uint256 timestamp,
        uint256 details
    );

    /// @notice The other party of a trade of kind 0 confirmed it. Advances the history like a logged trade
    ///         (head = keccak256(head, topic0, topics 1 and 2, data)).
    /// @param tradeId Id of the trade that is confirmed.
    /// @param confirmer Wallet that confirms; it counts only if it is the party that did not log the trade.
    /// @param details Packed as in `EnergyTradeLogged`, with kind 3, the meters, delivery and factor that are confirmed.
    event EnergyTradeConfirmed(bytes32 indexed tradeId, address indexed confirmer, uint256 details);

    /// @notice A matched pair could not be logged and was passed over; the batch went on.
    /// @param nonce Settlement nonce of the pair.
    /// @param reason Selector of the error that the pair would have raised.
    event MatchSkipped(uint80 indexed nonce, bytes4 reason);

    /// @notice A maker cancelled what was open in the positions of `mask` in a lane, up to delivery `deliveryStart`.
    /// @param maker Wallet whose orders die.
    /// @param lane Lane of the orders.
    /// @param deliveryStart Delivery interval of the orders.
    /// @param mask Bit i is set when position i is cancelled.
    event OrdersCancelled(address indexed maker, uint96 indexed lane, uint32 deliveryStart, uint8 mask);

    /// @notice A community was registered.
    /// @param community Community number.
    /// @param region Emission region, ASCII padded with zeros, for example "CAMX".
    /// @param deliveryMinutes Length of its delivery intervals: 15, 30 or 60.
    event CommunityRegistered(uint32 indexed community, bytes4 indexed region, uint16 deliveryMinutes);

    /// @notice A meter was enrolled; that happens once per reference.
    /// @param meter Random reference, below 2**63, never 0.
    /// @param owner Wallet that sells and buys through this meter.
    /// @param community Community of the meter.
    /// @param region Emission region of the community.
    /// @param deliveryMinutes Delivery interval of the community.
    /// @param deviceKey Address of the key with which the meter signs its readings; zero when it has none.
    event MeterEnrolled(
        uint64 indexed meter,
        address indexed owner,
        uint32 indexed community,
        bytes4 region,
        uint16 deliveryMinutes,
        address deviceKey
    );

    /// @notice A version of an emission factor was registered.
    /// @param factorId Number of the factor; never 0, used once.
    /// @param region Region it holds for.
    /// @param basis 1: average rate (inventories); 2: non-baseload or marginal rate (avoided-emission estimates).
    /// @param mgPerKwh Milligrams of CO2e per kWh.
    /// @param validFrom First second of delivery that it covers.
    /// @param validTo First second of delivery that it does not cover any more.
    /// @param effectiveAt First second at which it can be used in a trade.
    /// @param source Publisher and table.
    /// @param vintage Data year.
    /// @param documentHash SHA-256 of the source document.
    event EmissionFactorRegistered(
        uint32 indexed factorId,
        bytes4 indexed region,
        uint8 indexed basis,
        uint32 mgPerKwh,
        uint64 validFrom,
        uint64 validTo,
        uint64 effectiveAt,
        string source,
        string vintage,
        bytes32 documentHash
    );

    /// @notice The factor for trades that name none was changed.
    /// @param factorId Number of the new default factor.
    event DefaultFactorChanged(uint32 indexed factorId);

    /// @notice The log was closed for good; a successor may continue its history.
    /// @param count Number of history entries.
    /// @param head History head.
    /// @param successor Contract that continues, or zero.
    event LogClosed(uint256 count, bytes32 head, address indexed successor);

    // --- trades -----------------------------------------------------------------------------------------------

    /// @notice Log a trade to which the caller is a party. Recorded and shown; it earns carbon only once the other party
    ///         has confirmed it (`confirmTrade`). Takes the caller's next sequential nonce.
    /// @param seller Wallet that sells; it or `buyer` is the caller.
    /// @param buyer Wallet that buys.
    /// @param energyWh Energy, 1 to 2**32 - 1 watt-hours.
    /// @param pricePerKwh Price, 1 to 2**40 - 1 micro-units of currency per kWh.
    /// @return tradeId Id of the trade.
    function logEnergyTrade(address seller, address buyer, uint256 energyWh, uint256 pricePerKwh)
        external
        returns (bytes32 tradeId);

    /// @notice Log many trades to which the caller is a party, all or nothing.
    /// @param nonce Chosen by the caller below 2**79, usable once.
    /// @param items Packed items of 30 bytes: flags u8 (bit 0: the caller is the seller), counterparty address, energyWh u32,
    ///        pricePerKwh u40.
    function logEnergyTrades(uint80 nonce, bytes calldata items) external;

    /// @notice Confirm, as its other party, a trade that was logged by one party. Each party owns one of the meters; the
    ///         first confirmation by the other party counts.
    /// @param tradeId Id of the trade.
    /// @param sellerMeter Meter of the seller.
    /// @param buyerMeter Meter of the buyer.
    /// @param deliveryStart Start of the delivery interval, seconds since 1970 UTC.
    /// @param factorId Emission factor of the claim.
    function confirmTrade(bytes32 tradeId, uint64 sellerMeter, uint64 buyerMeter, uint32 deliveryStart, uint32 factorId)
        external;

    /// @notice Buy from a signed offer; the caller is the buyer.
    /// @param order The offer.
    /// @param signature Its maker's signature: r, s, v, or what a contract wallet understands.
    /// @param nonce Chosen by the caller below 2**79, usable once.
    /// @param energyWh Energy that is bought, watt-hours.
    /// @param buyerMeter Meter of the caller, in the community of the offer's meter.
    /// @return tradeId Id of the trade.
    function fillOffer(
        Order calldata order,
        bytes calldata signature,
        uint80 nonce,
        uint32 energyWh,
        uint64 buyerMeter
    ) external returns (bytes32 tradeId);

    /// @notice Log pairs that the market matched. A pair that fails is skipped with its reason. Role: settler.
    /// @param matches The pairs.
    function settleMatched(Match[] calldata matches) external;

    /// @notice Cancel the caller's orders in the positions of `mask` of a lane. Works while paused.
    /// @param lane Lane of the orders, below 2**13.
    /// @param deliveryStart Delivery interval of the orders; orders of earlier intervals in the lane die as well.
    /// @param mask Bit i is set when position i is cancelled, positions 0 to 6.
    function cancel(uint96 lane, uint32 deliveryStart, uint8 mask) external;

    // --- registers --------------------------------------------------------------------------------------------

    /// @notice Register a community. Role: registrar.
    /// @param community Its number, above 0, used once.
    /// @param region Its emission region, ASCII padded with zeros.
    /// @param deliveryMinutes Length of its delivery intervals: 15, 30 or 60.
    function registerCommunity(uint32 community, bytes4 region, uint16 deliveryMinutes) external;

    /// @notice Enrol a meter and its owner. Role: registrar.
    /// @param meter Random reference, 1 to 2**63 - 1, used once.
    /// @param wallet Wallet that sells and buys through the meter, for ever.
    /// @param community Community of the meter.
    /// @param deviceKey Address of the key with which the meter signs its readings; zero when it has none.
    function enrolMeter(uint64 meter, address wallet, uint32 community, address deviceKey) external;

    /// @notice Register a version of an emission factor; it takes effect after 24 hours. Role: factor keeper.
    /// @param factorId Its number, above 0, used once.
    /// @param region Region it holds for, ASCII padded with zeros.
    /// @param basis 1: average rate (inventories); 2: non-baseload or marginal rate (avoided-emission estimates).
    /// @param mgPerKwh Milligrams of CO2e per kWh, 1 to 3,000,000.
    /// @param validFrom First second of delivery that it covers.
    /// @param validTo First second of delivery that it does not cover any more.
    /// @param source Publisher and table.
    /// @param vintage Data year.
    /// @param documentHash SHA-256 of the source document.
    function registerFactor(
        uint32 factorId,
        bytes4 region,
        uint8 basis,
        uint32 mgPerKwh,
        uint64 validFrom,
        uint64 validTo,
        string calldata source,
        string calldata vintage,
        bytes32 documentHash
    ) external;

    /// @notice Choose the factor for trades that name none. Role: factor keeper.
    /// @param factorId Number of a factor of basis 2 that is in effect.
    function setDefaultFactor(uint32 factorId) external;

    // --- history ----------------------------------------------------------------------------------------------

    /// @notice Number of history entries and the head that commits to them.
    /// @return count Logged trades and confirmations.
    /// @return head Hash over all of them, zero when there are none.
    function history() external view returns (uint64 count, bytes32 head);
}
