// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {TradeHistory} from "./TradeHistory.sol";

/// @title Register of emission factors
/// @notice Versions of emission factors with their provenance. A version is never changed: a correction is a new
///         number. A version registered after deployment takes effect a day later, so that a wrong one can be seen
///         before it is used.
abstract contract EmissionFactors is TradeHistory {
    /// @notice A factor that is given at deployment and holds at once.
    /// @dev Fields as in `registerFactor`.
    struct InitialFactor {
        uint32 factorId;
        bytes4 region;
        uint8 basis;
        uint32 mgPerKwh;
        uint64 validFrom;
        uint64 validTo;
        string source;
        string vintage;
        bytes32 documentHash;
    }

    /// @notice A registered factor.
    /// @param region Region it holds for.
    /// @param mgPerKwh Milligrams of CO2e per kWh.
    /// @param validFrom First second of delivery that it covers.
    /// @param validTo First second of delivery that it does not cover any more.
    /// @param effectiveAt First second at which it can be used.
    /// @param basis 1 average rate, 2 non-baseload or marginal rate.
    struct Factor {
        bytes4 region;
        uint32 mgPerKwh;
        uint64 validFrom;
        uint64 validTo;
        uint40 effectiveAt;
        uint8 basis;
    }

    /// @notice May register factors and choose the default.
    bytes32 public constant FACTOR_KEEPER_ROLE = keccak256("FACTOR_KEEPER_ROLE");
    /// @notice Time between a factor's registration and its first use.
    uint256 public constant FACTOR_DELAY = 24 hours;
    /// @notice Largest factor, milligrams of CO2e per kWh.
    uint256 public constant MAX_MG_PER_KWH = 3_000_000;

    uint8 internal constant BASIS_MARGINAL = 2;
    uint256 internal constant FACTOR_SHIFT = 64;
    uint256 internal constant MG_SHIFT = 96;

    mapping(uint32 factorId => Factor) private _factors;

    constructor(InitialFactor[] memory initial, uint32 defaultFactorId) {
        for (uint256 i = 0; i < initial.length; ++i) {
            InitialFactor memory f = initial[i];
            _register(
                f.factorId,
                Factor(f.region, f.mgPerKwh, f.validFrom, f.validTo, uint40(block.timestamp), f.basis),
                f.source,
                f.vintage,
                f.documentHash
            );
        }
        _setDefault(defaultFactorId);
    }

    /// @inheritdoc IEnergyTradeLog
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
    ) external onlyRole(FACTOR_KEEPER_ROLE) {
        uint40 effectiveAt = uint40(block.timestamp + FACTOR_DELAY);
        Factor memory f = Factor(region, mgPerKwh, validFrom, validTo, effectiveAt, basis);
        _register(factorId, f, source, vintage, documentHash);
    }

    /// @inheritdoc IEnergyTradeLog
    function setDefaultFactor(uint32 factorId) external onlyRole(FACTOR_KEEPER_ROLE) {
        _setDefault(factorId);
    }

    /// @notice A registered factor; all zero when there is none of this number.
    function factor(uint32 factorId) external view returns (Factor memory) {
        return _factors[factorId];
    }

    /// @notice The factor for trades that name none.
    /// @return factorId Its number.
    /// @return mgPerKwh Its rate, milligrams of CO2e per kWh.
    function defaultFactor() external view returns (uint32 factorId, uint32 mgPerKwh) {
        return (uint32(_config >> FACTOR_SHIFT), uint32(_config >> MG_SHIFT));
    }

    /// @dev Rate of a factor for a delivery in `region`; `reason` is the encoded refusal, empty when there is none.
    function _rate(uint32 factorId, bytes4 region, uint256 deliveryStart)
        internal
        view
        returns (bytes memory reason, uint256 mgPerKwh)
    {
        Factor memory f = _factors[factorId];
        reason = _usable(factorId, f);
        if (reason.length != 0) return (reason, 0);
        if (f.region != region) {
            return (abi.encodeWithSelector(EnergyTradeLogFactorRegion.selector, factorId, f.region, region), 0);
        }
        if (deliveryStart < f.validFrom || deliveryStart >= f.validTo) {
            return (
                abi.encodeWithSelector(
                    EnergyTradeLogFactorNotValid.selector, factorId, f.validFrom, f.validTo, deliveryStart
                ),
                0
            );
        }
        return (reason, f.mgPerKwh);
    }

    function _usable(uint32 factorId, Factor memory f) private view returns (bytes memory reason) {
        if (f.mgPerKwh == 0) return abi.encodeWithSelector(EnergyTradeLogUnknownFactor.selector, factorId);
        if (f.basis != BASIS_MARGINAL) {
            return abi.encodeWithSelector(EnergyTradeLogFactorBasis.selector, factorId, f.basis);
        }
        if (block.timestamp < f.effectiveAt) {
            return abi.encodeWithSelector(
                EnergyTradeLogFactorNotEffective.selector, factorId, f.effectiveAt, block.timestamp
            );
        }
    }

    function _setDefault(uint32 factorId) private {
        Factor memory f = _factors[factorId];
        _raise(_usable(factorId, f));
        uint256 kept = _config & ~((uint256(type(uint64).max)) << FACTOR_SHIFT);
        _config = kept | (uint256(factorId) << FACTOR_SHIFT) | (uint256(f.mgPerKwh) << MG_SHIFT);
        emit DefaultFactorChanged(factorId);
    }

    function _register(
        uint32 factorId,
        Factor memory f,
        string memory source,
        string memory vintage,
        bytes32 documentHash
    ) private {
        if (_factors[factorId].mgPerKwh != 0) revert EnergyTradeLogFactorRegistered(factorId);
        if (
            factorId == 0 || f.region == 0 || f.basis == 0 || f.basis > BASIS_MARGINAL || f.mgPerKwh == 0
                || f.mgPerKwh > MAX_MG_PER_KWH || f.validFrom >= f.validTo
        ) {
            revert EnergyTradeLogFactorMalformed(factorId, f.region, f.basis, f.mgPerKwh, f.validFrom, f.validTo);
        }
        _factors[factorId] = f;
        emit EmissionFactorRegistered(
            factorId,
            f.region,
            f.basis,
            f.mgPerKwh,
            f.validFrom,
            f.validTo,
            f.effectiveAt,
            source,
            vintage,
            documentHash
        );
    }
}
