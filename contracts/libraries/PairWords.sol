// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLog} from "../interfaces/IEnergyTradeLog.sol";

/// @title Fields of a matched pair, read where they stand in calldata
/// @notice A pair is two orders of twelve words, two offsets of signatures, nonce, energy and price.
/// @dev Offsets are followed without bounds: what lies outside the calldata reads as zero, and zero is no valid pair.
library PairWords {
    /// @notice The pair at place `index` of a batch.
    function at(IEnergyTradeLog.Match[] calldata matches, uint256 index)
        internal
        pure
        returns (IEnergyTradeLog.Match calldata pair)
    {
        assembly ("memory-safe") {
            pair := add(matches.offset, calldataload(add(matches.offset, shl(5, index))))
        }
    }

    /// @notice The settlement nonce; may lie above its range.
    function readNonce(IEnergyTradeLog.Match calldata pair) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(pair, 0x340))
        }
    }
}
