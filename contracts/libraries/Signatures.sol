// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLogErrors} from "../interfaces/IEnergyTradeLogErrors.sol";

/// @title Signatures of wallets with and without code
/// @notice ecrecover comes first, so that an account that has delegated its code (EIP-7702) still signs with its key;
///         only then is a contract wallet asked (EIP-1271), with bounded gas and a bounded answer.
library Signatures {
    /// @dev EIP-712 type of an order.
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(address maker,address taker,bool isBid,uint64 meter,uint32 deliveryStart,uint32 expiry,uint32 energyWh,"
        "uint32 minFillWh,uint40 pricePerKwh,uint32 factorId,uint16 slot,uint16 deliveryMinutes)"
    );
    /// @dev Half of the order of secp256k1: a signature with a larger s is a malleated twin.
    uint256 internal constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
    /// @dev Answer of a contract wallet that accepts: `isValidSignature(bytes32,bytes)`.
    bytes4 internal constant MAGIC = 0x1626ba7e;
    /// @dev Gas that a contract wallet gets for its answer.
    uint256 internal constant WALLET_GAS = 60_000;
    /// @dev Least gas before the call: 64/63 of `WALLET_GAS`, the access of a cold account, and what follows.
    uint256 internal constant GAS_NEEDED = 70_000;

    /// @notice Whether `signature` over `digest` is that of `signer`.
    /// @param signer Wallet that should have signed.
    /// @param digest EIP-712 digest.
    /// @param signature r, s, v (65 bytes, low s) or whatever the contract wallet `signer` understands.
    /// @return valid True when the wallet signed.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool valid) {
        if (signature.length == 65 && _recovers(signer, digest, signature)) return true;
        if (signer.code.length == 0) return false;
        return _walletAccepts(signer, digest, signature);
    }

    function _recovers(address signer, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return false;
        address recovered = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), s);
        return recovered == signer && recovered != address(0);
    }

    /// @dev The answer is read into 32 bytes of scratch space; a longer or shorter one is a refusal. Without the check
    ///      of the gas, whoever sends the transaction could starve the wallet and pass its signature off as invalid.
    function _walletAccepts(address signer, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool accepted)
    {
        if (gasleft() < GAS_NEEDED) revert IEnergyTradeLogErrors.EnergyTradeLogGasTooLow(gasleft(), GAS_NEEDED);
        bytes memory question = abi.encodeWithSelector(MAGIC, digest, signature);
        bytes32 magic = MAGIC;
        assembly ("memory-safe") {
            let ok := staticcall(WALLET_GAS, signer, add(question, 0x20), mload(question), 0x00, 0x20)
            accepted := and(and(ok, eq(returndatasize(), 0x20)), eq(mload(0x00), magic))
        }
    }
}
