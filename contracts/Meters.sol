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

    mapping(uint64 meter => Meter) private _meters;
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
        if (_meters[meter].owner != address(0)) revert EnergyTradeLogMeterEnrolled(meter, _meters[meter].owner);
        _meters[meter] = Meter(wallet, community, home.region, home.deliveryMinutes);
        _accounts[wallet] |= ENROLLED;
        emit MeterEnrolled(meter, wallet, community, home.region, home.deliveryMinutes, deviceKey);
    }

    /// @notice An enrolled meter; all zero when there is none of this reference.
    function meterOf(uint64 meter) external view returns (Meter memory) {
        return _meters[meter];
    }

    /// @notice A registered community; all zero when there is none of this number.
    function communityOf(uint32 community) external view returns (Community memory) {
        return _communities[community];
    }

    /// @notice What is kept of a wallet.
    /// @return enrolled Whether the wallet owns a meter.
    /// @return nextNonce The nonce, without its top bit, that its next four-argument `logEnergyTrade` takes.
    function accountOf(address wallet) external view returns (bool enrolled, uint80 nextNonce) {
        uint256 account = _accounts[wallet];
        return (account & ENROLLED != 0, uint80(account));
    }

    /// @dev The common ground of two meters: owners as named and one community. `reason` is the encoded refusal.
    function _neighbours(uint64 sellerMeter, address seller, uint64 buyerMeter, address buyer)
        internal
        view
        returns (bytes memory reason, bytes4 region, uint16 deliveryMinutes)
    {
        Meter memory s = _meters[sellerMeter];
        reason = _owned(sellerMeter, s.owner, seller);
        if (reason.length != 0) return (reason, 0, 0);
        Meter memory b = _meters[buyerMeter];
        reason = _owned(buyerMeter, b.owner, buyer);
        if (reason.length != 0) return (reason, 0, 0);
        if (s.community != b.community) {
            return (
                abi.encodeWithSelector(EnergyTradeLogCommunitiesDiffer.selector, s.community, b.community), 0, 0
            );
        }
        return (reason, s.region, s.deliveryMinutes);
    }

    /// @dev Owner of a meter, zero when there is none.
    function _ownerOf(uint64 meter) internal view returns (address) {
        return _meters[meter].owner;
    }

    function _owned(uint64 meter, address holder, address wallet) private pure returns (bytes memory reason) {
        if (holder == address(0)) return abi.encodeWithSelector(EnergyTradeLogUnknownMeter.selector, meter);
        if (holder != wallet) {
            return abi.encodeWithSelector(EnergyTradeLogNotMeterOwner.selector, meter, holder, wallet);
        }
    }
}
