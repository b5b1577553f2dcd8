// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {OrderWords} from "./libraries/OrderWords.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Meters} from "./Meters.sol";

/// @title Signed orders and their fill counters
/// @notice Hashes orders (EIP-712), checks them, and counts what was filled. Seven counters of 32 bits share a word
///         with the interval they belong to: `interval start u32 | position 6 | … | position 0`. The first fill or
///         cancel for a later interval recycles the word, and the orders of earlier intervals in that lane are dead.
/// @dev The salt of the domain is the hash of the block before deployment: a signature for one local chain is worth
///      nothing on the next one, although chain id and addresses repeat. A cancelled position is filled to the brim.
abstract contract Orders is Meters, IERC5267 {
    using OrderWords for Order;

    /// @dev A word of fill counters; a struct, so that its place is hashed once and then passed on.
    struct Counters {
        uint256 word;
    }

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

    mapping(uint256 makerAndLane => Counters) internal _counters;

    constructor() {
        unchecked {
            // A node may estimate the first transaction of a chain in block 0, which has no parent.
            _SALT = blockhash(block.number - 1);
        }
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
    /// @param order The order.
    /// @return The digest.
    function hashOrder(Order calldata order) external view returns (bytes32) {
        return _digest(order, domainSeparator());
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
    /// @return Energy filled; 2**32 - 1 when the order was cancelled or its lane has gone on to a later interval.
    function filledWh(address maker, uint16 slot, uint32 deliveryStart) external view returns (uint32) {
        uint256 word = _counters[_counterKey(maker, slot >> 3)].word;
        uint256 tag = word >> TAG_SHIFT;
        if (deliveryStart < tag) return uint32(FULL);
        return deliveryStart > tag ? 0 : uint32(word >> ((slot & 7) * 32));
    }

    /// @notice The raw word of counters of a lane.
    /// @param maker Maker of the orders.
    /// @param lane Their lane.
    /// @return `interval start u32 | position 6 | … | position 0`.
    function countersOf(address maker, uint96 lane) external view returns (uint256) {
        return _counters[_counterKey(maker, lane)].word;
    }

    /// @dev What an order says of itself: side (0 offer, 1 bid), taker, time, interval.
    function _termsFault(Order calldata order, uint256 side, address taker, uint256 communityMinutes)
        internal
        view
        returns (bytes4)
    {
        if (order.readSide() != side) return EnergyTradeLogWrongSide.selector;
        uint256 named = order.readTaker();
        if (named != uint160(taker) && (named != 0 || taker == address(this))) {
            return EnergyTradeLogWrongTaker.selector;
        }
        if (block.timestamp > order.readExpiry()) return EnergyTradeLogOrderExpired.selector;
        if (order.readDeliveryMinutes() != communityMinutes) return EnergyTradeLogWrongInterval.selector;
        return 0;
    }

    /// @dev Whether a fill fits into the order; if so, the place and the next value of its word. Nothing is packed
    ///      before filled + fill was found to be within the order, so that no neighbour is ever touched.
    function _fillFault(Order calldata order, uint256 energyWh)
        internal
        view
        returns (bytes4 fault, Counters storage counters, uint256 nextWord)
    {
        unchecked {
            uint256 slot = order.readSlot();
            uint256 start = order.readDeliveryStart();
            counters = _counters[(order.readMaker() << 96) | (slot >> 3)];
            uint256 word = counters.word;
            uint256 shift = (slot & 7) << 5;
            if (shift == TAG_SHIFT) return (EnergyTradeLogPositionOutOfRange.selector, counters, 0);
            uint256 tag = word >> TAG_SHIFT;
            if (start != tag) {
                if (start < tag) return (EnergyTradeLogLaneRecycled.selector, counters, 0);
                word = start << TAG_SHIFT;
            }
            uint256 filled = (word >> shift) & FULL;
            uint256 total = filled + energyWh;
            uint256 limit = order.readEnergyWh();
            if (total > limit) {
                fault = filled == FULL && limit != FULL
                    ? EnergyTradeLogOrderCancelled.selector
                    : EnergyTradeLogOverfilled.selector;
                return (fault, counters, 0);
            }
            if (energyWh < order.readMinFillWh() && total != limit) {
                return (EnergyTradeLogFillTooSmall.selector, counters, 0);
            }
            nextWord = word + (energyWh << shift);
        }
    }

    /// @dev The whole error of a fault that `_termsFault` found.
    function _explainTerms(bytes4 fault, Order calldata order, address taker, uint256 communityMinutes)
        internal
        view
        returns (bytes memory)
    {
        if (fault == EnergyTradeLogWrongSide.selector) return abi.encodeWithSelector(fault, order.maker, order.isBid);
        if (fault == EnergyTradeLogWrongTaker.selector) return abi.encodeWithSelector(fault, order.taker, taker);
        if (fault == EnergyTradeLogOrderExpired.selector) {
            return abi.encodeWithSelector(fault, order.expiry, block.timestamp);
        }
        return abi.encodeWithSelector(fault, order.deliveryMinutes, communityMinutes);
    }

    /// @dev The whole error of a fault that `_fillFault` found.
    function _explainFill(bytes4 fault, Order calldata order, uint256 energyWh) internal view returns (bytes memory) {
        address maker = order.maker;
        uint16 slot = order.slot;
        uint256 word = _counters[_counterKey(maker, slot >> 3)].word;
        uint256 tag = word >> TAG_SHIFT;
        if (fault == EnergyTradeLogPositionOutOfRange.selector) return abi.encodeWithSelector(fault, slot);
        if (fault == EnergyTradeLogLaneRecycled.selector) {
            return abi.encodeWithSelector(fault, maker, slot >> 3, tag, order.deliveryStart);
        }
        if (fault == EnergyTradeLogOrderCancelled.selector) {
            return abi.encodeWithSelector(fault, maker, slot, order.deliveryStart);
        }
        if (fault == EnergyTradeLogFillTooSmall.selector) {
            return abi.encodeWithSelector(fault, maker, energyWh, order.minFillWh);
        }
        uint256 filled = order.deliveryStart == tag ? (word >> ((slot & 7) << 5)) & FULL : 0;
        return abi.encodeWithSelector(fault, maker, filled, energyWh, order.energyWh);
    }

    /// @dev An order is twelve words in calldata, in the order of its type: they are hashed where they stand.
    function _digest(Order calldata order, bytes32 separator) internal pure returns (bytes32 digest) {
        bytes32 typehash = Signatures.ORDER_TYPEHASH;
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
