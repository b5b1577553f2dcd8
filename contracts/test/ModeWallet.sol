// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A contract wallet that behaves as it is told
/// @notice Answers EIP-1271 questions honestly, wrongly, or not at all; also the delegate of EIP-7702 accounts.
contract ModeWallet {
    bytes4 private constant MAGIC = 0x1626ba7e;

    uint256 public constant REFUSE = 0;
    uint256 public constant ACCEPT = 1;
    uint256 public constant ANSWER_SHORT = 2;
    uint256 public constant ANSWER_LONG = 3;
    uint256 public constant ANSWER_TRUE = 4;
    uint256 public constant ANSWER_DIRTY = 5;
    uint256 public constant BURN_ALL = 6;
    uint256 public constant REVERT = 7;
    uint256 public constant REVERT_WITH_MAGIC = 8;
    uint256 public constant BURN_55_000 = 9;
    uint256 public constant ANSWER_HUGE = 10;

    uint256 public mode;

    /// @notice Choose the behaviour.
    function setMode(uint256 chosen) external {
        mode = chosen;
    }

    /// @notice EIP-1271.
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        uint256 chosen = mode;
        bytes32 magic = MAGIC;
        if (chosen == BURN_ALL) _burn(type(uint256).max);
        if (chosen == BURN_55_000) _burn(55_000);
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            mstore(pointer, magic)
            mstore(add(pointer, 0x20), magic)
            switch chosen
            case 1 { return(pointer, 0x20) }
            case 2 { return(pointer, 0x04) }
            case 3 { return(pointer, 0x40) }
            case 4 {
                mstore(pointer, 1)
                return(pointer, 0x20)
            }
            case 5 {
                mstore(pointer, or(magic, 1))
                return(pointer, 0x20)
            }
            case 7 { revert(0, 0) }
            case 8 { revert(pointer, 0x20) }
            case 9 { return(pointer, 0x20) }
            case 10 { return(pointer, 0x8000) }
        }
        return 0xffffffff;
    }

    function _burn(uint256 amount) private view {
        uint256 start = gasleft();
        while (start - gasleft() < amount) {}
    }
}
