// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLog} from "../interfaces/IEnergyTradeLog.sol";

/// @title Fields of an order, read where they stand in calldata
/// @notice An order is twelve words. Reading a field of a calldata struct checks its range again each time; here the
///         ranges are checked once (`isClean`) and the words are then read as they are.
library OrderWords {
    /// @notice Whether every field lies within the range of its type.
    function isClean(IEnergyTradeLog.Order calldata order) internal pure returns (bool clean) {
        assembly ("memory-safe") {
            let dirt := shr(160, or(calldataload(order), calldataload(add(order, 0x20))))
            dirt := or(dirt, or(shr(1, calldataload(add(order, 0x40))), shr(64, calldataload(add(order, 0x60)))))
            let words := or(calldataload(add(order, 0x80)), calldataload(add(order, 0xa0)))
            words := or(words, or(calldataload(add(order, 0xc0)), calldataload(add(order, 0xe0))))
            dirt := or(dirt, shr(32, or(words, calldataload(add(order, 0x120)))))
            dirt := or(dirt, shr(40, calldataload(add(order, 0x100))))
            dirt := or(dirt, shr(16, or(calldataload(add(order, 0x140)), calldataload(add(order, 0x160)))))
            clean := iszero(dirt)
        }
    }

    /// @notice Wallet that signs.
    function readMaker(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(order)
        }
    }

    /// @notice Wallet that may take it.
    function readTaker(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x20))
        }
    }

    /// @notice 0 for an offer, 1 for a bid.
    function readSide(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x40))
        }
    }

    /// @notice Maker's meter.
    function readMeter(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x60))
        }
    }

    /// @notice Start of the interval, seconds.
    function readDeliveryStart(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x80))
        }
    }

    /// @notice Last second of logging.
    function readExpiry(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0xa0))
        }
    }

    /// @notice Most energy, watt-hours.
    function readEnergyWh(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0xc0))
        }
    }

    /// @notice Least energy of a fill, watt-hours.
    function readMinFillWh(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0xe0))
        }
    }

    /// @notice Limit, micro-units per kWh.
    function readPricePerKwh(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x100))
        }
    }

    /// @notice Emission factor.
    function readFactorId(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x120))
        }
    }

    /// @notice Lane and position.
    function readSlot(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x140))
        }
    }

    /// @notice Length of the interval, minutes.
    function readDeliveryMinutes(IEnergyTradeLog.Order calldata order) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(order, 0x160))
        }
    }
}
