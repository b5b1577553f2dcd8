// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEnergyTradeLog} from "./interfaces/IEnergyTradeLog.sol";
import {TradeHistory} from "./TradeHistory.sol";

/// @title Register of communities, meters and wallets
/// @notice A meter is enrolled once and belongs to one wallet and one community for ever; a household that changes its
///         wallet enrols its meter under a new reference.
abstract contract Meters is TradeHistory {
    /// @notice An enrolled meter, in one slot.
    /// @param owner Wallet that sells and buys through it; zero when there is no such meter.
    /// @param community Community it belongs to.
    /// @param region Emission region of the community.
    /// @param deliveryMinutes Delivery interval of the community.
    struct Meter {
        address owner;
        uint32 community;
        bytes4 region;
        uint16 deliveryMinutes;
    }

    /// @notice A registered community.
    /// @param region Emission region.
    /// @param deliveryMinutes Length of its delivery intervals; zero when there is no such community.
    struct Community {
        bytes4 region;
        uint16 deliveryMinutes;
    }

    /// @notice May register communities and enrol meters.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");

    uint256 internal constant ENROLLED = 1 << 255;

    uint256 private constant COMMON_AT = 160;
    uint256 private constant REGION_AT = 192;
    uint256 private constant MINUTES_AT = 224;

    /// @dev owner u160 | community u32 | region u32 | deliveryMinutes u16, from the lowest bit.
    mapping(uint256 meter => uint256 packed) internal _meters;
    mapping(uint32 community => Community) private _communities;
    /// @dev wallet => enrolled flag (bit 255) | next nonce of the four-argument `logEnergyTrade`.
    mapping(address wallet => uint256) internal _accounts;

    /// @inheritdoc IEnergyTradeLog
    function registerCommunity(uint32 community, bytes4 region, uint16 deliveryMinutes)
        external
        onlyRole(REGISTRAR_ROLE)
    {
        if (_communities[community].deliveryMinutes != 0) revert EnergyTradeLogCommunityRegistered(community);
        bool known = deliveryMinutes == 15 || deliveryMinutes == 30 || deliveryMinutes == 60;
        if (community == 0 || region == 0 || !known) {
            revert EnergyTradeLogCommunityMalformed(community, region, deliveryMinutes);
        }
        _communities[community] = Community(region, deliveryMinutes);
        emit CommunityRegistered(community, region, deliveryMinutes);
    }

    /// @inheritdoc IEnergyTradeLog
    function enrolMeter(uint64 meter, address wallet, uint32 community, address deviceKey)
        external
        onlyRole(REGISTRAR_ROLE)
    {
        Community memory home = _communities[community];
        if (home.deliveryMinutes == 0) revert EnergyTradeLogUnknownCommunity(community);
        if (meter == 0 || meter >> 63 != 0) revert EnergyTradeLogMeterOutOfRange(meter);
        if (wallet == address(0)) revert EnergyTradeLogZeroOwner(meter);
        if (_meters[meter] != 0) revert EnergyTradeLogMeterEnrolled(meter, _ownerOf(meter));
        _meters[meter] = uint256(uint160(wallet)) | (uint256(community) << COMMON_AT)
            | (uint256(uint32(home.region)) << REGION_AT) | (uint256(home.deliveryMinutes) << MINUTES_AT);
        _accounts[wallet] |= ENROLLED;
        emit MeterEnrolled(meter, wallet, community, home.region, home.deliveryMinutes, deviceKey);
    }

    /// @notice An enrolled meter; all zero when there is none of this reference.
    /// @param meter Reference of the meter.
    /// @return The meter.
    function meterOf(uint64 meter) external view returns (Meter memory) {
        uint256 packed = _meters[meter];
        return Meter({
            owner: address(uint160(packed)),
            community: uint32(packed >> COMMON_AT),
            region: bytes4(uint32(packed >> REGION_AT)),
            deliveryMinutes: uint16(packed >> MINUTES_AT)
        });
    }

    /// @notice A registered community; all zero when there is none of this number.
    /// @param community Number of the community.
    /// @return The community.
    function communityOf(uint32 community) external view returns (Community memory) {
        return _communities[community];
    }

    /// @notice What is kept of a wallet.
    /// @param wallet The wallet.
    /// @return enrolled Whether the wallet owns a meter.
    /// @return nextNonce The nonce, without its top bit, that its next four-argument `logEnergyTrade` takes.
    function accountOf(address wallet) external view returns (bool enrolled, uint80 nextNonce) {
        uint256 account = _accounts[wallet];
        return (account & ENROLLED != 0, uint80(account));
    }

    /// @dev What two meters have in common, `community u32 | region u32 | deliveryMinutes u16` from the lowest bit, or
    ///      the selector of the refusal: each must belong to the wallet that is named, both to one community.
    function _neighbourFault(uint256 sellerMeter, uint256 seller, uint256 buyerMeter, uint256 buyer)
        internal
        view
        returns (bytes4 fault, uint256 common)
    {
        uint256 sells = _meters[sellerMeter];
        uint256 buys = _meters[buyerMeter];
        if (uint160(sells) != seller || sells == 0) return (_ownerFault(sells), 0);
        if (uint160(buys) != buyer || buys == 0) return (_ownerFault(buys), 0);
        common = sells >> COMMON_AT;
        if (common != buys >> COMMON_AT) fault = EnergyTradeLogCommunitiesDiffer.selector;
    }

    /// @dev The whole error of a fault that `_neighbourFault` found.
    function _explainNeighbours(bytes4 fault, uint256 sellerMeter, uint256 seller, uint256 buyerMeter, uint256 buyer)
        internal
        view
        returns (bytes memory)
    {
        uint256 sells = _meters[sellerMeter];
        uint256 buys = _meters[buyerMeter];
        if (fault == EnergyTradeLogCommunitiesDiffer.selector) {
            return abi.encodeWithSelector(fault, uint32(sells >> COMMON_AT), uint32(buys >> COMMON_AT));
        }
        bool sellerIsFine = sells != 0 && uint160(sells) == seller;
        (uint256 meter, uint256 packed, uint256 wallet) =
            sellerIsFine ? (buyerMeter, buys, buyer) : (sellerMeter, sells, seller);
        if (fault == EnergyTradeLogUnknownMeter.selector) return abi.encodeWithSelector(fault, meter);
        return abi.encodeWithSelector(fault, meter, uint160(packed), wallet);
    }

    /// @dev Owner of a meter, zero when there is none.
    function _ownerOf(uint256 meter) internal view returns (address) {
        return address(uint160(_meters[meter]));
    }

    /// @dev Region and interval length of what `_neighbourFault` found in common.
    function _ground(uint256 common) internal pure returns (uint256 region, uint256 deliveryMinutes) {
        return (uint32(common >> (REGION_AT - COMMON_AT)), common >> (MINUTES_AT - COMMON_AT));
    }

    function _ownerFault(uint256 packed) private pure returns (bytes4) {
        return packed == 0 ? EnergyTradeLogUnknownMeter.selector : EnergyTradeLogNotMeterOwner.selector;
    }
}
