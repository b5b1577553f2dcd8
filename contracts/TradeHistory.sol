// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {IEnergyTradeLogErrors} from "./interfaces/IEnergyTradeLogErrors.sol";

/// @title History of the trade log
/// @notice Count and head of the history, nonces, pause, close and succession. Each entry advances the count by one and
///         the head to keccak256(head, topics, data) of its event, so that an auditor who has the events can prove
///         that none was left out or altered.
/// @dev Count, default factor, its rate and the state flags share one slot, because each trade reads all of them:
///      count u64 | default factor id u32 | its mg/kWh u32 | flags (bit 128 paused, 129 closed, 130 awaiting).
abstract contract TradeHistory is AccessControlDefaultAdminRules, IEnergyTradeLog, IEnergyTradeLogErrors {
    /// @notice May pause and resume logging.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    uint256 internal constant COUNT_MASK = type(uint64).max;
    uint256 internal constant FLAGS_SHIFT = 128;
    uint256 private constant PAUSED = 1 << 128;
    uint256 private constant CLOSED = 1 << 129;
    uint256 private constant AWAITING = 1 << 130;
    uint256 internal constant MAX_ENERGY_WH = type(uint32).max;
    uint256 internal constant MAX_PRICE = type(uint40).max;
    /// @dev Watt-hours times milligrams per kWh, in a gram.
    uint256 internal constant MG_WH_PER_G_KWH = 1e6;
    uint256 internal constant CHOSEN_NONCES = 1 << 79;


    uint256 internal _config;
    bytes32 internal _head;
    mapping(uint256 namespaceAndWord => uint256 bitmap) internal _used;
    address private _successor;
    address private immutable _PREDECESSOR;

    /// @notice Logging was paused.
    /// @param account Pauser.
    event Paused(address indexed account);
    /// @notice Logging was resumed.
    /// @param account Pauser.
    event Unpaused(address indexed account);
    /// @notice The history of `predecessor` was taken over.
    /// @param predecessor Closed log whose history continues here.
    /// @param count Number of entries taken over.
    /// @param head Head taken over.
    event HistoryContinued(address indexed predecessor, uint256 count, bytes32 head);

    constructor(address predecessor_) {
        _PREDECESSOR = predecessor_;
        if (predecessor_ != address(0)) _config = AWAITING;
    }

    // --- pause, close, succession -----------------------------------------------------------------------------

    /// @notice Stop logging; cancelling and the registers go on. Role: pauser.
    function pause() external onlyRole(PAUSER_ROLE) {
        _requireOpen(_config);
        _config |= PAUSED;
        emit Paused(msg.sender);
    }

    /// @notice Log again. Role: pauser.
    function unpause() external onlyRole(PAUSER_ROLE) {
        uint256 config = _config;
        if (config & CLOSED != 0) revert EnergyTradeLogIsClosed(_successor);
        if (config & PAUSED == 0) revert EnergyTradeLogNotPaused();
        _config = config & ~PAUSED;
        emit Unpaused(msg.sender);
    }

    /// @notice Close the log for good and hand its history to a successor. Role: admin. Works while paused.
    /// @param successor_ Contract that continues the history with `continueHistory`, or zero.
    function close(address successor_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 config = _config;
        if (config & CLOSED != 0) revert EnergyTradeLogIsClosed(_successor);
        _config = config | CLOSED;
        // slither-disable-next-line missing-zero-check: zero means that nobody continues.
        _successor = successor_;
        emit LogClosed(config & COUNT_MASK, _head, successor_);
    }

    /// @notice Take over count and head of the predecessor, once it is closed in favour of this contract. Anyone may
    ///         call it; until then nothing is logged here.
    function continueHistory() external {
        // slither-disable-next-line incorrect-equality: a flag, and no balance or time that others could move.
        if (_config & AWAITING == 0) revert EnergyTradeLogStarted();
        TradeHistory predecessor_ = TradeHistory(_PREDECESSOR);
        if (!predecessor_.closed() || predecessor_.successor() != address(this)) {
            revert EnergyTradeLogNotSuccessor(_PREDECESSOR, predecessor_.successor());
        }
        (uint64 count, bytes32 head) = predecessor_.history();
        _config = (_config & ~AWAITING) | count;
        _head = head;
        emit HistoryContinued(_PREDECESSOR, count, head);
    }

    // --- views ------------------------------------------------------------------------------------------------

    /// @inheritdoc IEnergyTradeLog
    function history() external view returns (uint64 count, bytes32 head) {
        return (uint64(_config & COUNT_MASK), _head);
    }

    /// @notice Whether logging is paused.
    function paused() external view returns (bool) {
        return _config & PAUSED != 0;
    }

    /// @notice Whether the log was closed for good.
    function closed() external view returns (bool) {
        return _config & CLOSED != 0;
    }

    /// @notice Contract that continues the history of this closed log, or zero.
    function successor() external view returns (address) {
        return _successor;
    }

    /// @notice Closed log whose history this contract continues, or zero.
    function predecessor() external view returns (address) {
        return _PREDECESSOR;
    }

    /// @notice Whether a chosen nonce was used.
    /// @param namespace Wallet that logged, or this contract for settlement nonces.
    /// @param nonce Nonce below 2**79.
    /// @return Whether something was logged under it.
    function isNonceUsed(address namespace, uint80 nonce) public view returns (bool) {
        return _used[_usedWord(namespace, nonce)] >> (nonce & 0xff) & 1 != 0;
    }

    // --- for the contracts on top -----------------------------------------------------------------------------

    /// @dev Reverts when any flag of `config` is set.
    function _requireOpen(uint256 config) internal view {
        // slither-disable-next-line incorrect-equality: flags, and no balance or time that others could move.
        if (config >> FLAGS_SHIFT == 0) return;
        if (config & CLOSED != 0) revert EnergyTradeLogIsClosed(_successor);
        if (config & AWAITING != 0) revert EnergyTradeLogNotStarted(_PREDECESSOR);
        revert EnergyTradeLogPaused();
    }

    /// @dev Reverts with an encoded error; an empty one is no refusal.
    function _raise(bytes memory reason) internal pure {
        // slither-disable-next-line incorrect-equality: a length is zero or not.
        if (reason.length == 0) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// @dev Marks a nonce of the caller as used; reverts when it was, or is no chosen nonce.
    function _useNonce(uint80 nonce) internal {
        if (nonce >= CHOSEN_NONCES) revert EnergyTradeLogNonceOutOfRange(nonce);
        if (isNonceUsed(msg.sender, nonce)) revert EnergyTradeLogNonceUsed(msg.sender, nonce);
        _used[_usedWord(msg.sender, nonce)] |= 1 << (nonce & 0xff);
    }

    /// @dev Emits `EnergyTradeLogged` and returns the head after it. Topics and data are laid out once in memory as
    ///      head, topic0, topics 1 to 3, five data words, and serve both the hash and the event.
    function _emitLogged(
        bytes32 head,
        bytes32 tradeId,
        address seller,
        address buyer,
        uint256 energyWh,
        uint256 pricePerKwh,
        uint256 mgPerKwh,
        uint256 details
    ) internal returns (bytes32 newHead) {
        bytes32 topic = EnergyTradeLogged.selector;
        assembly ("memory-safe") {
            let entry := mload(0x40)
            mstore(entry, head)
            mstore(add(entry, 0x20), topic)
            mstore(add(entry, 0x40), tradeId)
            mstore(add(entry, 0x60), seller)
            mstore(add(entry, 0x80), buyer)
            mstore(add(entry, 0xa0), energyWh)
            mstore(add(entry, 0xc0), pricePerKwh)
            mstore(add(entry, 0xe0), div(mul(energyWh, mgPerKwh), MG_WH_PER_G_KWH))
            mstore(add(entry, 0x100), timestamp())
            mstore(add(entry, 0x120), details)
            log4(add(entry, 0xa0), 0xa0, topic, tradeId, seller, buyer)
            newHead := keccak256(entry, 0x140)
        }
    }

    /// @dev Emits `EnergyTradeConfirmed` by the caller and returns the head after it.
    function _emitConfirmed(bytes32 head, bytes32 tradeId, uint256 details) internal returns (bytes32) {
        emit EnergyTradeConfirmed(tradeId, msg.sender, details);
        return keccak256(abi.encode(head, EnergyTradeConfirmed.selector, tradeId, msg.sender, details));
    }

    /// @dev Energy is 1 to 2**32 - 1 Wh, price 1 to 2**40 - 1 micro-units per kWh.
    function _requireAmounts(uint256 energyWh, uint256 pricePerKwh) internal pure {
        if (energyWh == 0 || energyWh > MAX_ENERGY_WH) revert EnergyTradeLogEnergyOutOfRange(energyWh, MAX_ENERGY_WH);
        if (pricePerKwh == 0 || pricePerKwh > MAX_PRICE) revert EnergyTradeLogPriceOutOfRange(pricePerKwh, MAX_PRICE);
    }

    function _usedWord(address namespace, uint80 nonce) private pure returns (uint256) {
        return (uint256(uint160(namespace)) << 96) | (nonce >> 8);
    }
}
