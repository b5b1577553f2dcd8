// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Signatures} from "./libraries/Signatures.sol";
import {EmissionFactors} from "./EmissionFactors.sol";
import {Orders} from "./Orders.sol";

/// @title The fast path of matched pairs
/// @notice A batch of pairs is paid by the market's operator for every household, so a pair should cost little more
///         than its storage, its two signatures and its event. This contract applies all rules of a pair without a
///         branch and says only whether any is broken. Which one, and why, is said by `SignedTrades`, where each rule
///         is written out; a test compares the two verdicts over arbitrary pairs.
/// @dev A pair is copied once into a fixed place of memory, from where its orders are hashed and its fields are read.
///      Layouts: `Meters._meters`, `EmissionFactors._factors`, `Orders._counters`, `IEnergyTradeLog.Match`.
///
///      0x400 type hash, then the pair: offer 0x420, bid 0x5a0, offsets of the signatures 0x720 and 0x740,
///            nonce 0x760, energy 0x780, price 0x7a0. The last word of the offer, which equals the bid's, gives way to
///            the bid's type hash.
///      0x7c0 what is to be written: place and word of the offer's counters, of the bid's
///      0x860 input of the digest: 0x1901, separator, struct hash            0x8e0 input of ecrecover: digest, v, r, s
///      0x960 history entry: head, topic, trade id, seller, buyer, energy, price, carbon, time, details
///      0xaa0 kept from pair to pair, as most agree in it: factor, interval and region that were found sound, and the
///            rate; key and bits of the word of used nonces
abstract contract PairFilter is EmissionFactors, Orders {
    uint256 private constant FIXED_MEMORY = 0x400;
    uint256 private constant FIXED_MEMORY_END = 0xb20;

    /// @dev Reserves the fixed memory and writes what is the same for each pair of a batch.
    function _beginBatch(bytes32 head) internal view {
        bytes32 typehash = Signatures.ORDER_TYPEHASH;
        bytes32 topic = EnergyTradeLogged.selector;
        bytes32 separator = domainSeparator();
        assembly ("memory-safe") {
            // Nothing large is allocated before: the free memory starts below, and from here on above.
            if gt(mload(0x40), FIXED_MEMORY) { invalid() }
            mstore(0x40, FIXED_MEMORY_END)
            mstore(0x400, typehash)
            mstore(0x860, hex"1901")
            mstore(0x862, separator)
            mstore(0x960, head)
            mstore(0x980, topic)
            mstore(0xa60, timestamp())
            // No sound key is as large as this: the first pair reads its own.
            mstore(0xaa0, not(0))
            mstore(0xae0, not(0))
        }
    }

    /// @dev Copies a pair and applies every rule but that of the signatures.
    /// @return broken Zero when all hold.
    // slither-disable-next-line incorrect-exp: xor is meant, words are compared.
    function _filter(Match calldata pair) internal returns (uint256 broken) {
        assembly ("memory-safe") {
            /// Whether the pair does not fit into `order`; stores place and next value of its word at `target`.
            // slither-disable-next-line dead-code: it is called below, for each order.
            function overfills(order, target) -> yes {
                let start := mload(add(order, 0x80))
                let shift := mload(add(order, 0x140))
                mstore(0x00, or(shl(96, mload(order)), shr(3, shift)))
                shift := shl(5, and(shift, 7))
                let word := keccak256(0x00, 0x40)
                mstore(target, word)
                word := sload(word)
                yes := lt(start, shr(224, word))
                if gt(start, shr(224, word)) { word := shl(224, start) }
                let limit := mload(add(order, 0xc0))
                let total := add(and(shr(shift, word), 0xffffffff), mload(0x780))
                yes := or(yes, or(eq(shift, 224), gt(total, limit)))
                yes := or(yes, and(lt(mload(0x780), mload(add(order, 0xe0))), lt(total, limit)))
                mstore(add(target, 0x20), add(word, shl(shift, mload(0x780))))
            }

            calldatacopy(0x420, pair, 0x3a0)
            // fields that are packed or compared by size lie within their types; energy and price of the pair then do,
            // as they stay within those of its orders, and every other field equals a word that does
            broken := or(or(mload(0x4a0), mload(0x4c0)), or(mload(0x4e0), mload(0x500)))
            broken := or(broken, or(or(mload(0x540), mload(0x640)), or(mload(0x660), mload(0x680))))
            broken := or(shr(32, broken), shr(40, mload(0x6a0)))
            broken := or(broken, shr(16, or(mload(0x560), mload(0x6e0))))
            // an offer and a bid, both for this contract, of two makers
            broken := or(broken, or(mload(0x460), xor(mload(0x5e0), 1)))
            broken := or(broken, or(xor(mload(0x440), address()), xor(mload(0x5c0), address())))
            broken := or(broken, eq(mload(0x420), mload(0x5a0)))
            // one interval, one factor
            broken := or(broken, or(xor(mload(0x4a0), mload(0x620)), xor(mload(0x540), mload(0x6c0))))
            // not expired
            broken := or(broken, or(gt(timestamp(), mload(0x4c0)), gt(timestamp(), mload(0x640))))
            // an energy, and a price within both limits
            broken := or(broken, or(iszero(mload(0x780)), iszero(mload(0x7a0))))
            broken := or(broken, or(lt(mload(0x7a0), mload(0x520)), gt(mload(0x7a0), mload(0x6a0))))
            // a nonce within its range that was not used
            let key := shr(8, mload(0x760))
            if xor(key, mload(0xae0)) {
                if not(mload(0xae0)) {
                    mstore(0x00, or(shl(96, address()), mload(0xae0)))
                    mstore(0x20, _used.slot)
                    sstore(keccak256(0x00, 0x40), mload(0xb00))
                }
                mstore(0xae0, key)
                mstore(0x00, or(shl(96, address()), key))
                mstore(0x20, _used.slot)
                mstore(0xb00, sload(keccak256(0x00, 0x40)))
            }
            broken := or(broken, or(shr(71, key), and(1, shr(and(mload(0x760), 0xff), mload(0xb00)))))
            // each maker owns the meter, both meters belong to one community, the interval is the community's
            mstore(0x20, _meters.slot)
            mstore(0x00, mload(0x480))
            let sells := sload(keccak256(0x00, 0x40))
            mstore(0x00, mload(0x600))
            let buys := sload(keccak256(0x00, 0x40))
            broken := or(broken, or(iszero(sells), shr(160, xor(sells, buys))))
            broken := or(broken, shl(96, or(xor(mload(0x420), sells), xor(mload(0x5a0), buys))))
            broken := or(broken, or(xor(shr(224, sells), mload(0x580)), xor(shr(224, sells), mload(0x700))))
            // the factor is marginal, effective, of the meters' region, and covers the delivery
            key := or(shl(64, mload(0x540)), or(shl(32, mload(0x4a0)), and(shr(192, sells), 0xffffffff)))
            if xor(key, mload(0xaa0)) {
                mstore(0x00, mload(0x540))
                mstore(0x20, _factors.slot)
                let rate := sload(keccak256(0x00, 0x40))
                let fault := or(xor(shr(232, rate), 2), shl(224, xor(shr(32, rate), key)))
                fault := or(fault, lt(timestamp(), and(shr(192, rate), 0xffffffffff)))
                fault := or(fault, lt(mload(0x4a0), and(shr(64, rate), 0xffffffffffffffff)))
                fault := or(fault, iszero(lt(mload(0x4a0), and(shr(128, rate), 0xffffffffffffffff))))
                mstore(0xaa0, or(key, sub(0, iszero(iszero(fault)))))
                mstore(0xac0, and(rate, 0xffffffff))
                broken := or(broken, fault)
            }
            // both fills fit into their orders
            mstore(0x20, _counters.slot)
            broken := or(broken, or(overfills(0x420, 0x7c0), overfills(0x5a0, 0x800)))
        }
    }

    /// @dev Whether both makers signed their copied orders with the keys of their accounts. After `_filter` no maker is
    ///      zero, as each owns a meter; a maker's word with dirty upper bits equals no recovered address.
    function _bothRecover(Match calldata pair) internal view returns (uint256 both) {
        uint256 halfOrder = Signatures.HALF_ORDER;
        assembly ("memory-safe") {
            /// Whether `maker` signed the order whose type hash and words start at `order`.
            // slither-disable-next-line dead-code: it is called below, for each order.
            function recovers(order, signature, maker, half) -> signed {
                mstore(0x882, keccak256(order, 0x1a0))
                mstore(0x8e0, keccak256(0x860, 0x42))
                mstore(0x900, byte(0, calldataload(add(signature, 0x60))))
                calldatacopy(0x920, add(signature, 0x20), 0x40)
                mstore(0x00, 0)
                pop(staticcall(gas(), 1, 0x8e0, 0x80, 0x00, 0x20))
                signed := and(eq(mload(0x00), maker), eq(calldataload(signature), 65))
                signed := and(signed, iszero(gt(mload(0x940), half)))
            }

            both := recovers(0x400, add(pair, mload(0x720)), mload(0x420), halfOrder)
            if both {
                mstore(0x580, mload(0x400))
                both := recovers(0x580, add(pair, mload(0x740)), mload(0x5a0), halfOrder)
            }
        }
    }

    /// @dev Writes the counters of the copied pair, emits its event and advances the head.
    // slither-disable-next-line incorrect-shift: one bit of the word of nonces, shl(place, 1).
    function _appendPair() internal {
        assembly ("memory-safe") {
            mstore(0xb00, or(mload(0xb00), shl(and(mload(0x760), 0xff), 1)))
            sstore(mload(0x7c0), mload(0x7e0))
            sstore(mload(0x800), mload(0x820))
            let energyWh := mload(0x780)
            mstore(0x9a0, or(shl(96, address()), shl(16, mload(0x760))))
            mstore(0x9c0, mload(0x420))
            mstore(0x9e0, mload(0x5a0))
            mstore(0xa00, energyWh)
            mstore(0xa20, mload(0x7a0))
            mstore(0xa40, div(mul(energyWh, mload(0xac0)), MG_WH_PER_G_KWH))
            let details := or(or(2, shl(8, mload(0x560))), or(shl(24, mload(0x6e0)), shl(40, mload(0x540))))
            details := or(details, or(shl(72, mload(0x700)), shl(88, mload(0x4a0))))
            mstore(0xa80, or(details, or(shl(120, mload(0x600)), shl(184, mload(0x480)))))
            log4(0xa00, 0xa0, mload(0x980), mload(0x9a0), mload(0x9c0), mload(0x9e0))
            mstore(0x960, keccak256(0x960, 0x140))
        }
    }

    /// @dev Stores the word of used nonces that is kept in memory.
    function _storeNonces() internal {
        assembly ("memory-safe") {
            if not(mload(0xae0)) {
                mstore(0x00, or(shl(96, address()), mload(0xae0)))
                mstore(0x20, _used.slot)
                sstore(keccak256(0x00, 0x40), mload(0xb00))
            }
        }
    }

    /// @dev Stores what was kept in memory; the history head after the batch.
    function _endBatch() internal returns (bytes32 head) {
        _storeNonces();
        assembly ("memory-safe") {
            head := mload(0x960)
        }
    }
}
