// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {OrderWords} from "./libraries/OrderWords.sol";
import {PairWords} from "./libraries/PairWords.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TradeDetails} from "./libraries/TradeDetails.sol";
import {PairFilter} from "./PairFilter.sol";

/// @title Trades of signed orders
/// @notice An offer taken by its buyer, and pairs that the market matched.
/// @dev A check returns the selector of its error, or zero, and has it explained, with its facts, only then.
abstract contract SignedTrades is PairFilter {
    using OrderWords for Order;
    using PairWords for Match;
    using PairWords for Match[];

    /// @notice May settle matched pairs.
    bytes32 public constant SETTLER_ROLE = keccak256("SETTLER_ROLE");

    uint256 private constant OFFER = 0;
    uint256 private constant BID = 1;

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
        uint256 details = _details(TradeDetails.FILLED, order, 0, buyerMeter);
        _head = _emitLogged(
            _head, tradeId, order.maker, msg.sender, energyWh, order.pricePerKwh, mgPerKwh, details
        );
    }

    /// @inheritdoc IEnergyTradeLog
    function settleMatched(Match[] calldata matches) external onlyRole(SETTLER_ROLE) {
        uint256 config = _config;
        _requireOpen(config);
        _beginBatch(_head);
        unchecked {
            for (uint256 i = 0; i < matches.length; ++i) {
                Match calldata pair = matches.at(i);
                if (_isRefused(pair)) continue;
                _appendPair();
                ++config;
            }
        }
        _head = _endBatch();
        _config = config;
    }

    /// @notice What `settleMatched` would say of a pair now.
    /// @param pair The pair.
    /// @return reason The encoded error with its facts; empty when the pair would be logged.
    function checkMatch(Match calldata pair) external view returns (bytes memory reason) {
        return _refusal(pair);
    }

    // --- one offer --------------------------------------------------------------------------------------------

    /// @dev Checks an offer for the caller, counts the fill and returns the rate of its factor.
    function _takeOffer(Order calldata order, bytes calldata signature, uint256 energyWh, uint256 buyerMeter)
        private
        returns (uint256 mgPerKwh)
    {
        if (!order.isClean()) revert EnergyTradeLogOrderMalformed(_digest(order, domainSeparator()));
        uint256 buyer = uint160(msg.sender);
        (bytes4 fault, uint256 common) = _neighbourFault(order.readMeter(), order.readMaker(), buyerMeter, buyer);
        if (fault != 0) _raise(_explainNeighbours(fault, order.readMeter(), order.readMaker(), buyerMeter, buyer));
        (uint256 region, uint256 communityMinutes) = _ground(common);
        fault = _termsFault(order, OFFER, msg.sender, communityMinutes);
        if (fault != 0) _raise(_explainTerms(fault, order, msg.sender, communityMinutes));
        (fault, mgPerKwh) = _factorFault(order.readFactorId(), region, order.readDeliveryStart());
        if (fault != 0) _raise(_explainFactor(fault, order.readFactorId(), region, order.readDeliveryStart()));
        Counters storage counters;
        uint256 nextWord;
        (fault, counters, nextWord) = _fillFault(order, energyWh);
        if (fault != 0) _raise(_explainFill(fault, order, energyWh));
        bytes32 digest = _digest(order, domainSeparator());
        if (!Signatures.isValid(order.maker, digest, signature)) revert EnergyTradeLogBadSignature(order.maker, digest);
        counters.word = nextWord;
    }

    // --- pairs ------------------------------------------------------------------------------------------------

    /// @dev Whether a pair is passed over, which is then announced with its reason. A pair that the filter finds sound
    ///      and whose makers signed with their keys needs no second look.
    function _isRefused(Match calldata pair) private returns (bool) {
        uint256 broken = _filter(pair);
        if (broken == 0 && _bothRecover(pair) != 0) return false;
        _storeNonces();
        bytes memory reason = _refusal(pair);
        // slither-disable-start incorrect-equality: a length is zero or not.
        if (reason.length == 0 && broken == 0) return false;
        emit MatchSkipped(
            pair.nonce, reason.length == 0 ? EnergyTradeLogOrderMalformed.selector : bytes4(reason)
        );
        // slither-disable-end incorrect-equality
        return true;
    }

    /// @dev Every rule of a pair in turn; the first that is broken, explained.
    function _refusal(Match calldata pair) private view returns (bytes memory reason) {
        Order calldata offer = pair.offer;
        Order calldata bid = pair.bid;
        reason = _agreementRefusal(pair);
        if (reason.length != 0) return reason;
        (bytes4 fault, uint256 common) =
            _neighbourFault(offer.readMeter(), offer.readMaker(), bid.readMeter(), bid.readMaker());
        if (fault != 0) {
            return _explainNeighbours(fault, offer.readMeter(), offer.readMaker(), bid.readMeter(), bid.readMaker());
        }
        (uint256 region, uint256 communityMinutes) = _ground(common);
        fault = _termsFault(offer, OFFER, address(this), communityMinutes);
        if (fault != 0) return _explainTerms(fault, offer, address(this), communityMinutes);
        fault = _termsFault(bid, BID, address(this), communityMinutes);
        if (fault != 0) return _explainTerms(fault, bid, address(this), communityMinutes);
        (fault,) = _factorFault(offer.readFactorId(), region, offer.readDeliveryStart());
        if (fault != 0) return _explainFactor(fault, offer.readFactorId(), region, offer.readDeliveryStart());
        (fault,,) = _fillFault(offer, pair.energyWh);
        if (fault != 0) return _explainFill(fault, offer, pair.energyWh);
        (fault,,) = _fillFault(bid, pair.energyWh);
        if (fault != 0) return _explainFill(fault, bid, pair.energyWh);
        reason = _signatureRefusal(offer, pair.offerSignature);
        if (reason.length == 0) reason = _signatureRefusal(bid, pair.bidSignature);
    }

    /// @dev Nonce, ranges, parties, amounts, one interval, one factor.
    function _agreementRefusal(Match calldata pair) private view returns (bytes memory) {
        Order calldata offer = pair.offer;
        Order calldata bid = pair.bid;
        uint80 nonce = pair.nonce;
        uint256 price = pair.pricePerKwh;
        if (nonce >= CHOSEN_NONCES) return abi.encodeWithSelector(EnergyTradeLogNonceOutOfRange.selector, nonce);
        if (isNonceUsed(address(this), nonce)) {
            return abi.encodeWithSelector(EnergyTradeLogNonceUsed.selector, address(this), nonce);
        }
        if (!offer.isClean() || !bid.isClean()) {
            bytes32 digest = _digest(offer.isClean() ? bid : offer, domainSeparator());
            return abi.encodeWithSelector(EnergyTradeLogOrderMalformed.selector, digest);
        }
        if (offer.maker == bid.maker) return abi.encodeWithSelector(EnergyTradeLogSelfTrade.selector, offer.maker);
        if (pair.energyWh == 0) {
            return abi.encodeWithSelector(EnergyTradeLogEnergyOutOfRange.selector, 0, MAX_ENERGY_WH);
        }
        if (price == 0) return abi.encodeWithSelector(EnergyTradeLogPriceOutOfRange.selector, 0, MAX_PRICE);
        if (price < offer.pricePerKwh || price > bid.pricePerKwh) {
            return abi.encodeWithSelector(
                EnergyTradeLogPriceOutsideLimits.selector, price, offer.pricePerKwh, bid.pricePerKwh
            );
        }
        if (offer.deliveryStart != bid.deliveryStart) {
            return abi.encodeWithSelector(
                EnergyTradeLogIntervalsDiffer.selector, offer.deliveryStart, bid.deliveryStart
            );
        }
        if (offer.factorId != bid.factorId) {
            return abi.encodeWithSelector(EnergyTradeLogFactorsDiffer.selector, offer.factorId, bid.factorId);
        }
        return "";
    }

    function _signatureRefusal(Order calldata order, bytes calldata signature) private view returns (bytes memory) {
        bytes32 digest = _digest(order, domainSeparator());
        address maker = order.maker;
        if (Signatures.isValid(maker, digest, signature)) return "";
        return abi.encodeWithSelector(EnergyTradeLogBadSignature.selector, maker, digest);
    }

    function _details(uint256 kind, Order calldata offer, uint256 bidSlot, uint256 buyerMeter)
        private
        pure
        returns (uint256)
    {
        return TradeDetails.pack(
            kind,
            offer.readSlot(),
            bidSlot,
            offer.readFactorId(),
            offer.readDeliveryMinutes(),
            offer.readDeliveryStart(),
            buyerMeter,
            offer.readMeter()
        );
    }
}
