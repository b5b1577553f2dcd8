// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EnergyTradeLog} from "../EnergyTradeLog.sol";
import {TradeDetails} from "../libraries/TradeDetails.sol";

/// @title The log with its inner functions laid open
/// @notice Checks the vector file: packing, ids and heads for given values instead of those of a trade.
contract HistoryHarness is EnergyTradeLog {
    constructor(Roles memory roles, InitialFactor[] memory factors)
        EnergyTradeLog(roles, 0, factors, factors[0].factorId, address(0))
    {}

    /// @notice Log any trade.
    function append(
        bytes32 tradeId,
        address seller,
        address buyer,
        uint256 energyWh,
        uint256 pricePerKwh,
        uint256 mgPerKwh,
        uint256 details
    ) external {
        _config += 1;
        _head = _emitLogged(_head, tradeId, seller, buyer, energyWh, pricePerKwh, mgPerKwh, details);
    }

    /// @notice Confirm anything, in the name of the caller.
    function appendConfirmation(bytes32 tradeId, uint256 details) external {
        _config += 1;
        _head = _emitConfirmed(_head, tradeId, details);
    }

    /// @notice Pack details.
    function pack(uint256[8] calldata f) external pure returns (uint256) {
        return TradeDetails.pack(f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]);
    }

    /// @notice Id of a trade.
    function tradeId(address namespace, uint256 nonce, uint256 index) external pure returns (bytes32) {
        return TradeDetails.tradeId(namespace, nonce, index);
    }
}
