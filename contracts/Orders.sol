// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Meters} from "./Meters.sol";

/// @title Signed orders and their fill counters
/// @notice Hashes orders (EIP-712), checks them, and counts what was filled. Seven counters of 32 bits share a word with
///         the interval they belong to: `interval start u32 | position 6 | … | position 0`. The first fill or cancel for
///         a later interval recycles the word, and every order of an earlier interval in that lane is dead from then on.
/// @dev The salt of the domain is the hash of the block before deployment: a signature for one local chain is worth
///      nothing on the next one, although chain id and addresses repeat. A cancelled position is filled to the brim.
abstract contract Orders is Meters, IERC5267 {
    /// @dev A word of fill counters; a struct, so that its place is hashed once and then passed on.
    struct Counters {
        uint256 word;
    }

    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(address maker,address taker,bool isBid,uint64 meter,uint32 deliveryStart,uint32 expiry,uint32 energyWh,"
        "uint32 minFillWh,uint40 pricePerKwh,uint32 factorId,uint16 slot,uint16 deliveryMinutes)"
    );
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    );
    string private constant NAME = "GridX";
    string private constant VERSION = "1";
    uint256 private constant ORDER_BYTES = 12 * 32;

    uint256 private constant TAG_SHIFT = 224;
    uint256 private constant POSITIONS = 7;
    uint256 private constant LANES = 1 << 13;
    uint256 private constant FULL = type(uint32).max;

    bytes32 private immutable _SALT;
    bytes32 private immutable _DOMAIN;
    uint256 private immutable _CHAIN_ID;

    mapping(uint256 makerAndLane => Counters) private _counters;

    constructor() {
        _SALT = blockhash(block.number - 1);
        _CHAIN_ID = block.chainid;
        _DOMAIN = _separator(_SALT);
    }

    /// @inheritdoc IEnergyTradeLog
    function cancel(uint96 lane, uint32 deliveryStart, uint8 mask) external {
        if (lane >= LANES) revert EnergyTradeLogLaneOutOfRange(lane);
        if (mask == 0 || mask >> POSITIONS != 0) revert EnergyTradeLogMaskOutOfRange(mask);
        Counters storage counters = _counters[_counterKey(msg.sender, lane)];
        uint256 word = counters.word;
        uint256 tag = word >> TAG_SHIFT;
        if (deliveryStart < tag) revert EnergyTradeLogLaneRecycled(msg.sender, lane, uint32(tag), deliveryStart);
        if (deliveryStart > tag) word = uint256(deliveryStart) << TAG_SHIFT;
        for (uint256 position = 0; position < POSITIONS; ++position) {
            if (mask >> position & 1 != 0) word |= FULL << (position * 32);
        }
        counters.word = word;
        emit OrdersCancelled(msg.sender, lane, deliveryStart, mask);
    }

    /// @notice EIP-712 digest of an order: what its maker signs.
    function hashOrder(Order calldata order) external view returns (bytes32) {
        return _digest(order);
    }

    /// @notice EIP-712 domain separator on this chain.
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == _CHAIN_ID ? _DOMAIN : _separator(_SALT);
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"1f", NAME, VERSION, block.chainid, address(this), _SALT, new uint256[](0));
    }

    /// @notice What an order in this slot and interval has filled, watt-hours.
    /// @param maker Maker of the order.
    /// @param slot Slot of the order.
    /// @param deliveryStart Interval of the order.
    /// @return filledWh Energy filled; 2**32 - 1 when the order was cancelled or its lane has gone on to a later interval.
    function filledWh(address maker, uint16 slot, uint32 deliveryStart) external view returns (uint32) {
        uint256 word = _counters[_counterKey(maker, slot >> 3)].word;
        uint256 tag = word >> TAG_SHIFT;
        if (deliveryStart < tag) return uint32(FULL);
        return deliveryStart > tag ? 0 : uint32(word >> ((slot & 7) * 32));
    }

    /// @notice The raw word of counters of a lane.
    function countersOf(address maker, uint96 lane) external view returns (uint256) {
        return _counters[_counterKey(maker, lane)].word;
    }

    /// @dev Checks what an order says of itself: side, taker, time, interval.
    function _checkTerms(Order calldata order, bool isBid, address caller, uint256 communityMinutes)
        internal
        view
        returns (bytes memory reason)
    {
        if (order.isBid != isBid) {
            return abi.encodeWithSelector(EnergyTradeLogWrongSide.selector, order.maker, order.isBid);
        }
        address taker = order.taker;
        if (taker != caller && (taker != address(0) || caller == address(this))) {
            return abi.encodeWithSelector(EnergyTradeLogWrongTaker.selector, taker, caller);
        }
        if (block.timestamp > order.expiry) {
            return abi.encodeWithSelector(EnergyTradeLogOrderExpired.selector, order.expiry, block.timestamp);
        }
        if (order.deliveryMinutes != communityMinutes) {
            return abi.encodeWithSelector(
                EnergyTradeLogWrongInterval.selector, order.deliveryMinutes, communityMinutes
            );
        }
    }

    /// @dev Checks that a fill fits into the order and returns the place and the next value of its word. Nothing is
    ///      packed before filled + fill was found to be within the order, so that no neighbour is ever touched.
    function _checkFill(Order calldata order, uint256 energyWh)
        internal
        view
        returns (bytes memory reason, Counters storage counters, uint256 nextWord)
    {
        uint256 slot = order.slot;
        uint256 start = order.deliveryStart;
        address maker = order.maker;
        counters = _counters[_counterKey(maker, slot >> 3)];
        uint256 word = counters.word;
        uint256 tag = word >> TAG_SHIFT;
        uint256 position = slot & 7;
        if (position == POSITIONS) {
            return (abi.encodeWithSelector(EnergyTradeLogPositionOutOfRange.selector, slot), counters, 0);
        }
        if (start < tag) {
            return (
                abi.encodeWithSelector(EnergyTradeLogLaneRecycled.selector, maker, slot >> 3, tag, start), counters, 0
            );
        }
        if (start > tag) word = start << TAG_SHIFT;
        uint256 filled = (word >> (position * 32)) & FULL;
        reason = _checkAmount(order, maker, filled, energyWh);
        unchecked {
            nextWord = word + (energyWh << (position * 32));
        }
    }

    function _checkAmount(Order calldata order, address maker, uint256 filled, uint256 energyWh)
        private
        pure
        returns (bytes memory reason)
    {
        uint256 limit = order.energyWh;
        if (filled == FULL && limit != FULL) {
            return abi.encodeWithSelector(EnergyTradeLogOrderCancelled.selector, maker, order.slot, order.deliveryStart);
        }
        if (energyWh == 0) {
            return abi.encodeWithSelector(EnergyTradeLogEnergyOutOfRange.selector, energyWh, FULL);
        }
        if (filled + energyWh > limit) {
            return abi.encodeWithSelector(EnergyTradeLogOverfilled.selector, maker, filled, energyWh, limit);
        }
        if (energyWh < order.minFillWh && filled + energyWh != limit) {
            return abi.encodeWithSelector(EnergyTradeLogFillTooSmall.selector, maker, energyWh, order.minFillWh);
        }
    }

    /// @dev Checks the maker's signature; the dearest check, so it comes last.
    function _checkSignature(Order calldata order, bytes calldata signature)
        internal
        view
        returns (bytes memory reason)
    {
        bytes32 digest = _digest(order);
        if (!Signatures.isValid(order.maker, digest, signature)) {
            return abi.encodeWithSelector(EnergyTradeLogBadSignature.selector, order.maker, digest);
        }
    }

    /// @dev An order is twelve words in calldata, in the order of its type: they are hashed where they stand. A field
    ///      with dirty upper bits gives another digest than the one that was signed.
    function _digest(Order calldata order) internal view returns (bytes32 digest) {
        bytes32 separator = domainSeparator();
        bytes32 typehash = ORDER_TYPEHASH;
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            mstore(pointer, typehash)
            calldatacopy(add(pointer, 0x20), order, ORDER_BYTES)
            let structHash := keccak256(pointer, add(ORDER_BYTES, 0x20))
            mstore(pointer, hex"1901")
            mstore(add(pointer, 0x02), separator)
            mstore(add(pointer, 0x22), structHash)
            digest := keccak256(pointer, 0x42)
        }
    }

    function _counterKey(address maker, uint256 lane) private pure returns (uint256) {
        return (uint256(uint160(maker)) << 96) | lane;
    }

    function _separator(bytes32 salt) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, address(this), salt
            )
        );
    }
}
