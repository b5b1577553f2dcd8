// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A contract wallet with one key
/// @notice Accepts what its key has signed, and can act; its owner may change the key, and with it all answers.
contract KeyWallet {
    address public key;

    constructor(address key_) {
        key = key_;
    }

    /// @notice Change the key.
    function setKey(address key_) external {
        key = key_;
    }

    /// @notice Call another contract in the name of this wallet.
    function act(address target, bytes calldata data) external returns (bytes memory) {
        (bool ok, bytes memory answer) = target.call(data);
        require(ok, "the call reverted");
        return answer;
    }

    /// @notice EIP-1271.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signature);
        return problem == ECDSA.RecoverError.NoError && signer == key ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}
