// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {TradeDetails} from "./libraries/TradeDetails.sol";
import {EmissionFactors} from "./EmissionFactors.sol";
import {SignedTrades} from "./SignedTrades.sol";
import {TradeHistory} from "./TradeHistory.sol";

/// @title GridX energy trade log
/// @notice See `IEnergyTradeLog`. A trade is logged by one of its parties, by the buyer of a signed offer, or by the
///         settler from two signed orders; the log holds no funds and keeps no trade, only what prevents a second
///         logging and what commits to the history.
/// @dev Five roles: admin (two-step hand-over with a delay), factor keeper, registrar, pauser, settler.
contract EnergyTradeLog is SignedTrades {
    /// @notice Holders of the five roles at deployment.
    struct Roles {
        address admin;
        address factorKeeper;
        address registrar;
        address pauser;
        address settler;
    }

    uint256 private constant ITEM_BYTES = 30;
    uint256 private constant MAX_ITEMS = type(uint16).max;

    /// @notice Deploy the log with everything it needs to log its first trade.
    /// @param roles Holders of the five roles; the deployer gets none.
    /// @param adminDelay Seconds between the two steps of an admin hand-over.
    /// @param factors Emission factors that hold at once.
    /// @param defaultFactorId Factor for trades that name none.
    /// @param continued Closed log whose history continues here, or zero.
    constructor(
        Roles memory roles,
        uint48 adminDelay,
        InitialFactor[] memory factors,
        uint32 defaultFactorId,
        address continued
    )
        AccessControlDefaultAdminRules(adminDelay, roles.admin)
        TradeHistory(continued)
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
        (uint256 seller, uint256 buyer) = callerSells
            ? (uint256(uint160(msg.sender)), uint256(uint160(logger)))
            : (uint256(uint160(logger)), uint256(uint160(msg.sender)));
        (bytes4 fault, uint256 common) = _neighbourFault(sellerMeter, seller, buyerMeter, buyer);
        if (fault != 0) _raise(_explainNeighbours(fault, sellerMeter, seller, buyerMeter, buyer));
        (uint256 region, uint256 deliveryMinutes) = _ground(common);
        (fault,) = _factorFault(factorId, region, deliveryStart);
        if (fault != 0) _raise(_explainFactor(fault, factorId, region, deliveryStart));
        uint256 details = TradeDetails.pack(
            TradeDetails.CONFIRMED, 0, 0, factorId, deliveryMinutes, deliveryStart, buyerMeter, sellerMeter
        );
        unchecked {
            _config = config + 1;
        }
        _head = _emitConfirmed(_head, tradeId, details);
    }

    /// @notice Id of the trade that a wallet's next four-argument `logEnergyTrade` logs.
    /// @param wallet The wallet.
    /// @return The id.
    function nextTradeId(address wallet) external view returns (bytes32) {
        return TradeDetails.tradeId(wallet, CHOSEN_NONCES | uint80(_accounts[wallet]), 0);
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

    function _plainDetails(uint256 config) private pure returns (uint256) {
        return TradeDetails.pack(TradeDetails.LOGGED, 0, 0, uint32(config >> FACTOR_SHIFT), 0, 0, 0, 0);
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
}
