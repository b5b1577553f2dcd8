// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {TradeDetails} from "./libraries/TradeDetails.sol";
import {EmissionFactors} from "./EmissionFactors.sol";
import {Orders} from "./Orders.sol";
import {TradeHistory} from "./TradeHistory.sol";

/// @title GridX energy trade log
/// @notice See `IEnergyTradeLog`. A trade is logged by one of its parties, by the buyer of a signed offer, or by the
///         settler from two signed orders; the log holds no funds and keeps no trade, only what prevents a second
///         logging and what commits to the history.
/// @dev Five roles: admin (two-step hand-over with a delay), factor keeper, registrar, pauser, settler.
contract EnergyTradeLog is EmissionFactors, Orders {
    /// @notice Holders of the five roles at deployment.
    struct Roles {
        address admin;
        address factorKeeper;
        address registrar;
        address pauser;
        address settler;
    }

    /// @notice May settle matched pairs.
    bytes32 public constant SETTLER_ROLE = keccak256("SETTLER_ROLE");

    uint256 private constant MAX_ENERGY_WH = type(uint32).max;
    uint256 private constant MAX_PRICE = type(uint40).max;
    uint256 private constant ITEM_BYTES = 30;
    uint256 private constant MAX_ITEMS = type(uint16).max;

    /// @notice Deploy the log with everything it needs to log its first trade.
    /// @param roles Holders of the five roles; the deployer gets none.
    /// @param adminDelay Seconds between the two steps of an admin hand-over.
    /// @param factors Emission factors that hold at once.
    /// @param defaultFactorId Factor for trades that name none.
    /// @param predecessor Closed log whose history continues here, or zero.
    constructor(
        Roles memory roles,
        uint48 adminDelay,
        InitialFactor[] memory factors,
        uint32 defaultFactorId,
        address predecessor
    )
        AccessControlDefaultAdminRules(adminDelay, roles.admin)
        TradeHistory(predecessor)
        EmissionFactors(factors, defaultFactorId)
    {
        _grantFirst(FACTOR_KEEPER_ROLE, roles.factorKeeper);
        _grantFirst(REGISTRAR_ROLE, roles.registrar);
        _grantFirst(PAUSER_ROLE, roles.pauser);
        _grantFirst(SETTLER_ROLE, roles.settler);
    }

    // --- trades of one party ----------------------------------------------------------------------------------

    /// @inheritdoc IEnergyTradeLog
    function logEnergyTrade(address seller, address buyer, uint256 energyWh, uint256 pricePerKwh)
        external
        returns (bytes32 tradeId)
    {
        uint256 config = _config;
        _requireOpen(config);
        _requireParties(seller, buyer);
        _requireAmounts(energyWh, pricePerKwh);
        uint256 account = _accounts[msg.sender];
        unchecked {
            _accounts[msg.sender] = account + 1;
            _config = config + 1;
        }
        tradeId = TradeDetails.tradeId(msg.sender, CHOSEN_NONCES | uint80(account), 0);
        _head = _emitLogged(
            _head, tradeId, seller, buyer, energyWh, pricePerKwh, uint32(config >> MG_SHIFT), _plainDetails(config)
        );
    }

    /// @inheritdoc IEnergyTradeLog
    function logEnergyTrades(uint80 nonce, bytes calldata items) external {
        uint256 config = _config;
        _requireOpen(config);
        uint256 count = items.length / ITEM_BYTES;
        if (count == 0 || items.length % ITEM_BYTES != 0 || count > MAX_ITEMS) {
            revert EnergyTradeLogItemsMalformed(items.length);
        }
        _useNonce(nonce);
        _head = _logItems(_head, nonce, items, count, config);
        unchecked {
            _config = config + count;
        }
    }

    /// @inheritdoc IEnergyTradeLog
    /// @dev Reverts unless the wallet that logged `tradeId` owns the other meter. The first valid confirmation counts.
    function confirmTrade(
        bytes32 tradeId,
        uint64 sellerMeter,
        uint64 buyerMeter,
        uint32 deliveryStart,
        uint32 factorId
    ) external {
        uint256 config = _config;
        _requireOpen(config);
        address logger = _loggerOf(tradeId);
        bool callerSells = _ownerOf(sellerMeter) == msg.sender;
        (bytes memory reason, bytes4 region, uint16 deliveryMinutes) = _neighbours(
            sellerMeter, callerSells ? msg.sender : logger, buyerMeter, callerSells ? logger : msg.sender
        );
        _raise(reason);
        (reason,) = _rate(factorId, region, deliveryStart);
        _raise(reason);
        uint256 details = TradeDetails.pack(
            TradeDetails.CONFIRMED, 0, 0, factorId, deliveryMinutes, deliveryStart, buyerMeter, sellerMeter
        );
        unchecked {
            _config = config + 1;
        }
        bytes32 confirmer = bytes32(uint256(uint160(msg.sender)));
        _head = keccak256(abi.encode(_head, EnergyTradeConfirmed.selector, tradeId, confirmer, details));
        emit EnergyTradeConfirmed(tradeId, msg.sender, details);
    }

    // --- trades of signed orders ------------------------------------------------------------------------------

    /// @inheritdoc IEnergyTradeLog
    function fillOffer(
        Order calldata order,
        bytes calldata signature,
        uint80 nonce,
        uint32 energyWh,
        uint64 buyerMeter
    ) external returns (bytes32 tradeId) {
        uint256 config = _config;
        _requireOpen(config);
        if (order.maker == msg.sender) revert EnergyTradeLogSelfTrade(msg.sender);
        _requireAmounts(energyWh, order.pricePerKwh);
        _useNonce(nonce);
        uint256 mgPerKwh = _takeOffer(order, signature, energyWh, buyerMeter);
        tradeId = TradeDetails.tradeId(msg.sender, nonce, 0);
        unchecked {
            _config = config + 1;
        }
        _head = _emitLogged(
            _head,
            tradeId,
            order.maker,
            msg.sender,
            energyWh,
            order.pricePerKwh,
            mgPerKwh,
            _orderDetails(TradeDetails.FILLED, order, 0, buyerMeter)
        );
    }

    /// @inheritdoc IEnergyTradeLog
    function settleMatched(Match[] calldata matches) external onlyRole(SETTLER_ROLE) {
        uint256 config = _config;
        _requireOpen(config);
        bytes32 head = _head;
        uint256 logged = 0;
        for (uint256 i = 0; i < matches.length; ++i) {
            Match calldata pair = matches[i];
            (bytes4 reason, bytes32 newHead) = _settle(pair, head);
            if (reason != 0) {
                emit MatchSkipped(pair.nonce, reason);
                continue;
            }
            head = newHead;
            unchecked {
                ++logged;
            }
        }
        _head = head;
        unchecked {
            _config = config + logged;
        }
    }

    /// @notice What `settleMatched` would say of a pair now: the encoded error, or nothing when it would be logged.
    function checkMatch(Match calldata pair) external view returns (bytes memory reason) {
        (reason,,,,,) = _checkMatch(pair);
    }

    // --- inside -----------------------------------------------------------------------------------------------

    function _grantFirst(bytes32 role, address holder) private {
        if (holder == address(0)) revert EnergyTradeLogZeroAddress();
        _grantRole(role, holder);
    }

    function _requireParties(address seller, address buyer) private view {
        if (seller != msg.sender && buyer != msg.sender) revert EnergyTradeLogNotAParty(msg.sender, seller, buyer);
        if (seller == buyer) revert EnergyTradeLogSelfTrade(seller);
        if (seller == address(0) || buyer == address(0)) revert EnergyTradeLogZeroParty(seller, buyer);
    }

    function _requireAmounts(uint256 energyWh, uint256 pricePerKwh) private pure {
        if (energyWh == 0 || energyWh > MAX_ENERGY_WH) revert EnergyTradeLogEnergyOutOfRange(energyWh, MAX_ENERGY_WH);
        if (pricePerKwh == 0 || pricePerKwh > MAX_PRICE) revert EnergyTradeLogPriceOutOfRange(pricePerKwh, MAX_PRICE);
    }

    function _plainDetails(uint256 config) private pure returns (uint256) {
        return TradeDetails.pack(TradeDetails.LOGGED, 0, 0, uint32(config >> FACTOR_SHIFT), 0, 0, 0, 0);
    }

    function _orderDetails(uint256 kind, Order calldata offer, uint256 bidSlot, uint256 buyerMeter)
        private
        pure
        returns (uint256)
    {
        return TradeDetails.pack(
            kind,
            offer.slot,
            bidSlot,
            offer.factorId,
            offer.deliveryMinutes,
            offer.deliveryStart,
            buyerMeter,
            offer.meter
        );
    }

    /// @dev Logs the items of a batch and returns the head after them.
    function _logItems(bytes32 head, uint256 nonce, bytes calldata items, uint256 count, uint256 config)
        private
        returns (bytes32)
    {
        uint256 mgPerKwh = uint32(config >> MG_SHIFT);
        uint256 details = _plainDetails(config);
        for (uint256 index = 0; index < count; ++index) {
            uint256 item;
            assembly ("memory-safe") {
                item := shr(16, calldataload(add(items.offset, mul(index, ITEM_BYTES))))
            }
            uint256 flags = item >> 232;
            if (flags > 1) revert EnergyTradeLogFlagsUnknown(index, uint8(flags));
            address other = address(uint160(item >> 72));
            (address seller, address buyer) = flags == 1 ? (msg.sender, other) : (other, msg.sender);
            if (other == msg.sender) revert EnergyTradeLogSelfTrade(other);
            if (other == address(0)) revert EnergyTradeLogZeroParty(seller, buyer);
            uint256 energyWh = uint32(item >> 40);
            uint256 pricePerKwh = uint40(item);
            if (energyWh == 0) revert EnergyTradeLogEnergyOutOfRange(0, MAX_ENERGY_WH);
            if (pricePerKwh == 0) revert EnergyTradeLogPriceOutOfRange(0, MAX_PRICE);
            bytes32 tradeId = TradeDetails.tradeId(msg.sender, nonce, index);
            head = _emitLogged(head, tradeId, seller, buyer, energyWh, pricePerKwh, mgPerKwh, details);
        }
        return head;
    }

    /// @dev Wallet that logged `tradeId`; reverts when its nonce was never used, or when it is the caller.
    function _loggerOf(bytes32 tradeId) private view returns (address logger) {
        uint256 id = uint256(tradeId);
        logger = address(uint160(id >> 96));
        uint80 nonce = uint80(id >> 16);
        bool known = nonce >= CHOSEN_NONCES
            ? nonce - CHOSEN_NONCES < uint80(_accounts[logger]) && uint16(id) == 0
            : isNonceUsed(logger, nonce);
        if (!known) revert EnergyTradeLogUnknownTrade(tradeId);
        if (logger == msg.sender) revert EnergyTradeLogOwnTrade(tradeId, msg.sender);
    }

    /// @dev Checks an offer for the caller, counts the fill and returns the rate of its factor.
    function _takeOffer(Order calldata order, bytes calldata signature, uint256 energyWh, uint64 buyerMeter)
        private
        returns (uint256 mgPerKwh)
    {
        bytes memory reason;
        bytes4 region;
        uint16 communityMinutes;
        (reason, region, communityMinutes) = _neighbours(order.meter, order.maker, buyerMeter, msg.sender);
        _raise(reason);
        _raise(_checkTerms(order, false, msg.sender, communityMinutes));
        (reason, mgPerKwh) = _rate(order.factorId, region, order.deliveryStart);
        _raise(reason);
        (bytes memory refusal, Counters storage counters, uint256 nextWord) = _checkFill(order, energyWh);
        _raise(refusal);
        _raise(_checkSignature(order, signature));
        counters.word = nextWord;
    }

    /// @dev Logs one pair; `reason` is zero when it was logged.
    function _settle(Match calldata pair, bytes32 head) private returns (bytes4 reason, bytes32 newHead) {
        (
            bytes memory refusal,
            uint256 mgPerKwh,
            Counters storage offerCounters,
            uint256 offerWord,
            Counters storage bidCounters,
            uint256 bidWord
        ) = _checkMatch(pair);
        if (refusal.length != 0) return (bytes4(refusal), head);
        offerCounters.word = offerWord;
        bidCounters.word = bidWord;
        _markUsed(address(this), pair.nonce);
        newHead = _emitLogged(
            head,
            TradeDetails.tradeId(address(this), pair.nonce, 0),
            pair.offer.maker,
            pair.bid.maker,
            pair.energyWh,
            pair.pricePerKwh,
            mgPerKwh,
            _orderDetails(TradeDetails.MATCHED, pair.offer, pair.bid.slot, pair.bid.meter)
        );
    }

    /// @dev Every check of a pair, cheap ones first; nothing is written.
    function _checkMatch(Match calldata pair)
        private
        view
        returns (
            bytes memory reason,
            uint256 mgPerKwh,
            Counters storage offerCounters,
            uint256 offerWord,
            Counters storage bidCounters,
            uint256 bidWord
        )
    {
        (reason, mgPerKwh) = _checkPair(pair);
        (bytes memory refusal, Counters storage counters, uint256 word) = _checkFill(pair.offer, pair.energyWh);
        if (reason.length == 0) reason = refusal;
        (offerCounters, offerWord) = (counters, word);
        (refusal, counters, word) = _checkFill(pair.bid, pair.energyWh);
        if (reason.length == 0) reason = refusal;
        (bidCounters, bidWord) = (counters, word);
        if (reason.length == 0) reason = _checkSignature(pair.offer, pair.offerSignature);
        if (reason.length == 0) reason = _checkSignature(pair.bid, pair.bidSignature);
    }

    /// @dev Nonce, parties, price, meters, terms and factor of a pair.
    function _checkPair(Match calldata pair) private view returns (bytes memory reason, uint256 mgPerKwh) {
        Order calldata offer = pair.offer;
        Order calldata bid = pair.bid;
        uint80 nonce = pair.nonce;
        if (nonce >= CHOSEN_NONCES) {
            return (abi.encodeWithSelector(EnergyTradeLogNonceOutOfRange.selector, nonce), 0);
        }
        if (isNonceUsed(address(this), nonce)) {
            return (abi.encodeWithSelector(EnergyTradeLogNonceUsed.selector, address(this), nonce), 0);
        }
        if (offer.maker == bid.maker) {
            return (abi.encodeWithSelector(EnergyTradeLogSelfTrade.selector, offer.maker), 0);
        }
        reason = _checkAgreement(offer, bid, pair.pricePerKwh);
        if (reason.length != 0) return (reason, 0);
        bytes4 region;
        uint16 communityMinutes;
        (reason, region, communityMinutes) = _neighbours(offer.meter, offer.maker, bid.meter, bid.maker);
        if (reason.length != 0) return (reason, 0);
        reason = _checkTerms(offer, false, address(this), communityMinutes);
        if (reason.length != 0) return (reason, 0);
        reason = _checkTerms(bid, true, address(this), communityMinutes);
        if (reason.length != 0) return (reason, 0);
        return _rate(offer.factorId, region, offer.deliveryStart);
    }

    /// @dev Price within both limits, one interval, one factor.
    function _checkAgreement(Order calldata offer, Order calldata bid, uint256 pricePerKwh)
        private
        pure
        returns (bytes memory reason)
    {
        if (pricePerKwh == 0) {
            return abi.encodeWithSelector(EnergyTradeLogPriceOutOfRange.selector, pricePerKwh, MAX_PRICE);
        }
        if (pricePerKwh < offer.pricePerKwh || pricePerKwh > bid.pricePerKwh) {
            return abi.encodeWithSelector(
                EnergyTradeLogPriceOutsideLimits.selector, pricePerKwh, offer.pricePerKwh, bid.pricePerKwh
            );
        }
        if (offer.deliveryStart != bid.deliveryStart || offer.deliveryMinutes != bid.deliveryMinutes) {
            return abi.encodeWithSelector(
                EnergyTradeLogIntervalsDiffer.selector,
                offer.deliveryStart,
                bid.deliveryStart,
                offer.deliveryMinutes,
                bid.deliveryMinutes
            );
        }
        if (offer.factorId != bid.factorId) {
            return abi.encodeWithSelector(EnergyTradeLogFactorsDiffer.selector, offer.factorId, bid.factorId);
        }
    }
}
