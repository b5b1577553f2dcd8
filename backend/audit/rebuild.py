# SPDX-License-Identifier: Apache-2.0
"""Rebuilds from logs alone what every trade is, whether both parties consented, and what it earns. Pure.

Two passes: `History.take` folds the logs once, in chain order, into count and head, registers and confirmations
(memory grows with meters, factors and confirmations, not with trades); then `History.judge` says what a trade is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from backend.audit.blocks import ChainLog
from backend.audit.decode import (
    EMPTY_HEAD,
    HISTORY_EVENTS,
    Decoder,
    Details,
    Event,
    Undecodable,
    advance,
    unpack_details,
)

MARGINAL = 2
BIGINT = 2**63
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Meter:
    """An enrolled meter. Regions are their 4 bytes."""

    meter: int
    owner: bytes
    community: int
    region: bytes
    delivery_minutes: int
    device_key: bytes
    position: Position


@dataclass(frozen=True, slots=True)
class Factor:
    """A registered emission factor with its provenance. Times are seconds since 1970."""

    factor_id: int
    region: bytes
    basis: int
    mg_per_kwh: int
    valid_from: int
    valid_to: int
    effective_at: int
    source: str
    vintage: str
    document_hash: bytes
    position: Position


@dataclass(frozen=True, slots=True)
class Community:
    """A registered community."""

    community: int
    region: bytes
    delivery_minutes: int
    position: Position


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A confirmation as it was logged; whether it counts is judged with its trade."""

    confirmer: bytes
    details: Details
    log: ChainLog


@dataclass(frozen=True, slots=True)
class Trade:
    """A logged trade and its worth. `consent` is the confirmation that counted (kind 0 only); `reason` says why it
    earns nothing, None when it does; meters, delivery and community are None while nobody agreed on them."""

    trade_id: bytes
    kind: int
    seller: bytes
    buyer: bytes
    energy_wh: int
    price_micro_per_kwh: int
    carbon_logged_g: int
    factor_id: int
    seller_meter: int | None
    buyer_meter: int | None
    community: int | None
    delivery_start: int | None
    delivery_minutes: int | None
    consented: bool
    reason: str | None
    claim_g: int
    log: ChainLog
    consent: Confirmation | None = None

    @property
    def storable(self) -> bool:
        """Whether the amounts fit the database; what does not is a rejected observation, never a trade."""
        return max(self.energy_wh, self.price_micro_per_kwh, self.carbon_logged_g) < BIGINT


@dataclass(slots=True)
class History:
    """Everything that the logs say, except the trades themselves."""

    decoder: Decoder
    count: int = 0
    head: bytes = EMPTY_HEAD
    meters: dict[int, Meter] = field(default_factory=dict)
    factors: dict[int, Factor] = field(default_factory=dict)
    communities: dict[int, Community] = field(default_factory=dict)
    confirmations: dict[bytes, list[Confirmation]] = field(default_factory=dict)

    def take(self, log: ChainLog) -> Event | None:
        """Fold the next log; returns its event, None for one that cannot be decoded (it changes nothing)."""
        try:
            event = self.decoder.decode(log.topics, log.data)
        except Undecodable:
            return None
        if event.name in HISTORY_EVENTS:
            self.count += 1
            self.head = advance(self.head, log.topics, log.data)
        handler = _HANDLERS.get(event.name)
        if handler is not None:
            handler(self, event.values, log)
        return event

    def judge(self, log: ChainLog) -> Trade:
        """The trade of an `EnergyTradeLogged` log. Raises Undecodable for any other."""
        event = self.decoder.decode(log.topics, log.data)
        if event.name != "EnergyTradeLogged":
            raise Undecodable(f"{event.name} is no trade")
        values = event.values
        details = unpack_details(values["details"])
        consent = self._consent(values, log) if details.kind == 0 else None
        terms = consent.details if consent else details if details.kind in (1, 2) else None
        reason, community, claim_g = "no_consent", None, 0
        if terms is not None:
            decided = consent.log if consent else log
            reason, community, claim_g = self._worth(values, terms, decided)
        return Trade(
            trade_id=values["tradeId"],
            kind=details.kind,
            seller=values["seller"],
            buyer=values["buyer"],
            energy_wh=values["energyWh"],
            price_micro_per_kwh=values["pricePerKwh"],
            carbon_logged_g=values["carbonSavedGrams"],
            factor_id=(terms or details).factor_id,
            seller_meter=terms.seller_meter if terms else None,
            buyer_meter=terms.buyer_meter if terms else None,
            community=community,
            delivery_start=terms.delivery_start if terms else None,
            delivery_minutes=terms.delivery_minutes if terms else None,
            consented=terms is not None,
            reason=reason or None,
            claim_g=claim_g,
            log=log,
            consent=consent,
        )

    def _consent(self, values: dict[str, Any], log: ChainLog) -> Confirmation | None:
        """The first confirmation, after the trade, by the party that did not log it (the id begins with who did)."""
        parties = {values["seller"], values["buyer"]}
        others = parties - {values["tradeId"][:20]}
        if len(others) != 1:
            return None
        for confirmation in self.confirmations.get(values["tradeId"], ()):
            later = (confirmation.log.block_number, confirmation.log.log_index) > (log.block_number, log.log_index)
            if later and confirmation.confirmer in others:
                return confirmation
        return None

    def _worth(self, values: dict[str, Any], terms: Details, decided: ChainLog) -> tuple[str, int | None, int]:
        """Why the trade earns nothing ("" when it does), its community, its claim in grams."""
        place = (decided.block_number, decided.log_index)
        sold, bought = self.meters.get(terms.seller_meter), self.meters.get(terms.buyer_meter)
        if sold is None or bought is None or max(sold.position, bought.position) > place:
            return "unknown_meter", None, 0
        community = sold.community
        if sold.owner != values["seller"] or bought.owner != values["buyer"] or sold.owner == bought.owner:
            return "meter_of_another", community, 0
        if bought.community != community:
            return "another_community", community, 0
        factor = self.factors.get(terms.factor_id)
        if factor is None or not _covers(factor, terms, sold.region, decided):
            return "unknown_factor", community, 0
        if factor.basis != MARGINAL:
            return "average_factor", community, 0
        return "", community, values["energyWh"] * factor.mg_per_kwh // 1_000_000


def _covers(factor: Factor, terms: Details, region: bytes, decided: ChainLog) -> bool:
    in_force = factor.effective_at <= decided.block_time
    valid = factor.valid_from <= terms.delivery_start < factor.valid_to
    return factor.region == region and in_force and valid


def _meter(history: History, values: dict[str, Any], log: ChainLog) -> None:
    history.meters.setdefault(
        values["meter"],
        Meter(
            values["meter"], values["owner"], values["community"], values["region"], values["deliveryMinutes"],
            values["deviceKey"], (log.block_number, log.log_index),
        ),
    )  # fmt: skip


def _factor(history: History, values: dict[str, Any], log: ChainLog) -> None:
    history.factors.setdefault(
        values["factorId"],
        Factor(
            values["factorId"], values["region"], values["basis"], values["mgPerKwh"], values["validFrom"],
            values["validTo"], values["effectiveAt"], values["source"], values["vintage"], values["documentHash"],
            (log.block_number, log.log_index),
        ),
    )  # fmt: skip


def _community(history: History, values: dict[str, Any], log: ChainLog) -> None:
    number = values["community"]
    entry = Community(number, values["region"], values["deliveryMinutes"], (log.block_number, log.log_index))
    history.communities.setdefault(number, entry)


def _confirmation(history: History, values: dict[str, Any], log: ChainLog) -> None:
    try:
        details = unpack_details(values["details"])
    except Undecodable:
        return
    entry = Confirmation(values["confirmer"], details, log)
    history.confirmations.setdefault(values["tradeId"], []).append(entry)


def _continued(history: History, values: dict[str, Any], log: ChainLog) -> None:
    """The history of a predecessor was taken over: count and head go on from there."""
    history.count, history.head = values["count"], values["head"]


_HANDLERS = {
    "MeterEnrolled": _meter,
    "EmissionFactorRegistered": _factor,
    "CommunityRegistered": _community,
    "EnergyTradeConfirmed": _confirmation,
    "HistoryContinued": _continued,
}
