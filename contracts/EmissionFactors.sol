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

    uint256 private constant REGION_AT = 32;
    uint256 private constant FROM_AT = 64;
    uint256 private constant TO_AT = 128;
    uint256 private constant EFFECTIVE_AT = 192;
    uint256 private constant BASIS_AT = 232;

    /// @dev mgPerKwh u32 | region u32 | validFrom u64 | validTo u64 | effectiveAt u40 | basis u8, from the lowest bit.
    mapping(uint256 factorId => uint256 packed) internal _factors;

    constructor(InitialFactor[] memory initial, uint32 defaultFactorId) {
        for (uint256 i = 0; i < initial.length; ++i) {
            InitialFactor memory f = initial[i];
            Factor memory values =
                Factor(f.region, f.mgPerKwh, f.validFrom, f.validTo, uint40(block.timestamp), f.basis);
            _register(f.factorId, values, f.source, f.vintage, f.documentHash);
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
        Factor memory values = Factor(region, mgPerKwh, validFrom, validTo, effectiveAt, basis);
        _register(factorId, values, source, vintage, documentHash);
    }

    /// @inheritdoc IEnergyTradeLog
    function setDefaultFactor(uint32 factorId) external onlyRole(FACTOR_KEEPER_ROLE) {
        _setDefault(factorId);
    }

    /// @notice A registered factor; all zero when there is none of this number.
    /// @param factorId Number of the factor.
    /// @return The factor.
    function factor(uint32 factorId) external view returns (Factor memory) {
        return _unpack(_factors[factorId]);
    }

    /// @notice The factor for trades that name none.
    /// @return factorId Its number.
    /// @return mgPerKwh Its rate, milligrams of CO2e per kWh.
    function defaultFactor() external view returns (uint32 factorId, uint32 mgPerKwh) {
        return (uint32(_config >> FACTOR_SHIFT), uint32(_config >> MG_SHIFT));
    }

    /// @dev Rate of a factor for a delivery in `region`, or the selector of the refusal.
    function _factorFault(uint256 factorId, uint256 region, uint256 deliveryStart)
        internal
        view
        returns (bytes4 fault, uint256 mgPerKwh)
    {
        uint256 packed = _factors[factorId];
        fault = _useFault(packed);
        if (fault != 0) return (fault, 0);
        if (uint32(packed >> REGION_AT) != region) return (EnergyTradeLogFactorRegion.selector, 0);
        if (deliveryStart < uint64(packed >> FROM_AT) || deliveryStart >= uint64(packed >> TO_AT)) {
            return (EnergyTradeLogFactorNotValid.selector, 0);
        }
        return (0, uint32(packed));
    }

    /// @dev The whole error of a fault that `_factorFault` found.
    function _explainFactor(bytes4 fault, uint256 factorId, uint256 region, uint256 deliveryStart)
        internal
        view
        returns (bytes memory)
    {
        Factor memory f = _unpack(_factors[factorId]);
        // slither-disable-start incorrect-equality: selectors of errors are compared.
        if (fault == EnergyTradeLogUnknownFactor.selector) return abi.encodeWithSelector(fault, factorId);
        if (fault == EnergyTradeLogFactorBasis.selector) return abi.encodeWithSelector(fault, factorId, f.basis);
        if (fault == EnergyTradeLogFactorNotEffective.selector) {
            return abi.encodeWithSelector(fault, factorId, f.effectiveAt, block.timestamp);
        }
        if (fault == EnergyTradeLogFactorRegion.selector) {
            return abi.encodeWithSelector(fault, factorId, f.region, bytes4(uint32(region)));
        }
        // slither-disable-end incorrect-equality
        return abi.encodeWithSelector(fault, factorId, f.validFrom, f.validTo, deliveryStart);
    }

    function _useFault(uint256 packed) private view returns (bytes4) {
        // slither-disable-next-line incorrect-equality: zero is a factor that was never registered.
        if (packed == 0) return EnergyTradeLogUnknownFactor.selector;
        if (packed >> BASIS_AT != BASIS_MARGINAL) return EnergyTradeLogFactorBasis.selector;
        if (block.timestamp < uint40(packed >> EFFECTIVE_AT)) return EnergyTradeLogFactorNotEffective.selector;
        return 0;
    }

    function _setDefault(uint32 factorId) private {
        uint256 packed = _factors[factorId];
        bytes4 fault = _useFault(packed);
        if (fault != 0) _raise(_explainFactor(fault, factorId, 0, 0));
        uint256 kept = _config & ~(uint256(type(uint64).max) << FACTOR_SHIFT);
        _config = kept | (uint256(factorId) << FACTOR_SHIFT) | (uint256(uint32(packed)) << MG_SHIFT);
        emit DefaultFactorChanged(factorId);
    }

    function _register(
        uint32 factorId,
        Factor memory f,
        string memory source,
        string memory vintage,
        bytes32 documentHash
    ) private {
        if (_factors[factorId] != 0) revert EnergyTradeLogFactorRegistered(factorId);
        // slither-disable-start incorrect-equality: arguments are checked, whatever the time is.
        bool knownBasis = f.basis == 1 || f.basis == BASIS_MARGINAL;
        bool plausible = f.mgPerKwh != 0 && f.mgPerKwh <= MAX_MG_PER_KWH;
        if (factorId == 0 || f.region == 0 || !knownBasis || !plausible || f.validFrom >= f.validTo) {
            revert EnergyTradeLogFactorMalformed(factorId, f.region, f.basis, f.mgPerKwh, f.validFrom, f.validTo);
        }
        // slither-disable-end incorrect-equality
        _factors[factorId] = uint256(f.mgPerKwh) | (uint256(uint32(f.region)) << REGION_AT)
            | (uint256(f.validFrom) << FROM_AT) | (uint256(f.validTo) << TO_AT)
            | (uint256(f.effectiveAt) << EFFECTIVE_AT) | (uint256(f.basis) << BASIS_AT);
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

    function _unpack(uint256 packed) private pure returns (Factor memory) {
        return Factor({
            region: bytes4(uint32(packed >> REGION_AT)),
            mgPerKwh: uint32(packed),
            validFrom: uint64(packed >> FROM_AT),
            validTo: uint64(packed >> TO_AT),
            effectiveAt: uint40(packed >> EFFECTIVE_AT),
            basis: uint8(packed >> BASIS_AT)
        });
    }
}
