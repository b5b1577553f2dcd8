# SPDX-License-Identifier: Apache-2.0
"""The market of the town: orders drafted, signed and placed over HTTP, offers reserved and filled, and what was said.

Everything here may be answered by nobody (the api was killed) or by 503; what an answer promises must hold afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from backend.core.clock import utc_now
from backend.core.units import micro_to_price, wh_to_kwh
from backend.market.orders.typed_data import Domain, Order, message_of, order_hash, order_of
from tests.faults.town import OWNER_OF, Api
from tests.faults.trading import FOREIGN_NONCES, INTERVAL_S, Made, Trading
from tests.support.orders import interval_after, sign_order

TRADERS = tuple(OWNER_OF)
PRICES = (150_000, 180_000, 220_000, 240_000, 260_000, 300_000, 350_000)
FRESH_INTERVALS = range(3, 400)  # after the present one: each is used by one sequence only
CHANGEABLE = ("order.gate_closed", "order.cancelled_on_chain", "order.auction_takes_limits", "order.lane")
"""Refusals that a sound order may meet, because its book closed or its maker cancelled its lane meanwhile."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to trade from an account, in an interval (seconds since 1970)."""

    account: int
    side: str
    start: int
    energy_wh: int
    price: int
    min_fill_wh: int = 0
    kind: str = "limit"
    venue: str = "book"

    def words(self) -> str:
        """In words."""
        what = "directly " if self.venue == "direct" else "at the market " if self.kind == "market" else ""
        at = datetime.fromtimestamp(self.start, UTC)
        return f"{self.side} by {self.account} {what}{self.energy_wh} Wh at {self.price} for {at:%d %H:%M}"


@dataclass(frozen=True)
class Signed:
    """An order as its maker signed it."""

    account: int
    order: Order
    signature: bytes
    hash: bytes
    kind: str = "limit"

    def body(self, client_time: datetime | None = None) -> dict[str, Any]:
        """As it is handed in."""
        body = {"order": message_of(self.order), "signature": "0x" + self.signature.hex(), "kind": self.kind}
        return body | ({"clientTime": client_time.isoformat()} if client_time else {})

    def tuple(self) -> tuple[Any, ...]:
        """The struct for a call of the contract."""
        return self.order.values()


@dataclass
class Market:
    """`placed` holds every order that was handed in, by its hash; `ids` those that were acknowledged.

    `declined` says what was hoped for and allowed to fail: answered by nobody, by 503 or by one of `CHANGEABLE`.
    """

    api: Api
    trading: Trading
    domain: Domain
    broken: list[str]
    placed: dict[bytes, Signed] = field(default_factory=dict)
    ids: dict[str, bytes] = field(default_factory=dict)
    direct: dict[str, Signed] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    refused: dict[bytes, str] = field(default_factory=dict)
    filled: list[tuple[bytes, Made]] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    fresh: int = 0

    def starts(self) -> list[int]:
        """Intervals of this sequence: two that are over and may still be traded, a coming one, one of its own."""
        now = interval_after(utc_now(), intervals=0)
        offsets = (-2, -1, 1, FRESH_INTERVALS[self.fresh % len(FRESH_INTERVALS)])
        return [int(now.timestamp()) + INTERVAL_S * offset for offset in offsets]

    def wish(self, random: Random, **given: Any) -> Wish:
        """A wish at random, except for what is given."""
        drawn = {
            "account": random.choice(TRADERS), "side": random.choice(("offer", "bid")),
            "start": random.choice(self.starts()), "energy_wh": random.randint(1, 3_000),
            "price": random.choice(PRICES),
        }  # fmt: skip
        return Wish(**(drawn | given))

    def crossing(self, random: Random, **given: Any) -> tuple[Wish, Wish]:
        """An offer and a bid of two persons that suit each other."""
        seller, buyer = random.sample((1, 2, 3, 4), 2)
        start = given.pop("start", None) or random.choice(self.starts()[:3])
        values = {"start": start, "energy_wh": random.randint(500, 3_000)} | given
        offer = self.wish(random, account=seller, side="offer", price=150_000, **values)
        return offer, self.wish(random, account=buyer, side="bid", price=350_000, **values)

    # --- orders -----------------------------------------------------------------------------------------------------

    async def draft(self, wish: Wish) -> Signed | None:
        """The api's draft of a wish, signed by the account's wallet; None: nobody answered, or the gate is closed."""
        body = {
            "houseId": str(self.api.town.houses[wish.account]), "side": wish.side, "kind": wish.kind,
            "deliveryStart": datetime.fromtimestamp(wish.start, UTC).isoformat(), "venue": wish.venue,
            "energyKwh": wh_to_kwh(wish.energy_wh), "minFillKwh": wh_to_kwh(wish.min_fill_wh),
            "pricePerKwh": micro_to_price(wish.price),
        }  # fmt: skip
        answer = await self.api.ask("POST", "/api/market/orders/drafts", OWNER_OF[wish.account], json=body)
        if not self._went_well(answer, f"a draft of {wish.words()}", 201, CHANGEABLE):
            return None
        assert answer is not None
        order = order_of(answer.json()["data"]["typedData"]["message"])
        return self.sign(wish.account, order, kind=wish.kind)

    def sign(self, account: int, order: Order, *, domain: Domain | None = None, kind: str = "limit") -> Signed:
        """Sign an order, for our chain and contract unless another `domain` is given."""
        key = self.trading.stage.key(account)
        return Signed(
            account, order, sign_order(order, domain or self.domain, key), order_hash(order, self.domain), kind
        )

    async def place(self, *wishes: Wish) -> None:
        """Draft, sign and hand in, one after the other."""
        for wish in wishes:
            signed = await self.draft(wish)
            if signed is not None:
                await self.hand_in(signed, f"{wish.words()}")

    async def hand_in(self, signed: Signed, what: str) -> str | None:
        """Hand in a sound order; its id when it was acknowledged."""
        self.placed[signed.hash] = signed
        answer = await self.api.ask("POST", "/api/market/orders", OWNER_OF[signed.account], json=signed.body())
        if not self._went_well(answer, what, 201, CHANGEABLE):
            return None
        assert answer is not None
        order_id = str(answer.json()["data"]["id"])
        self.ids[order_id] = signed.hash
        if answer.json()["data"]["venue"] == "direct":
            self.direct[order_id] = signed
        return order_id

    async def refuse(
        self, signed: Signed, code: str, *, person: int | None = None, client_time: datetime | None = None
    ) -> None:
        """Hand in an order that must be refused with `code`; it must not be stored."""
        if signed.hash not in self.placed:
            self.refused[signed.hash] = code
        answer = await self.api.ask(
            "POST", "/api/market/orders", person or OWNER_OF[signed.account], json=signed.body(client_time)
        )
        self._must_refuse(answer, f"an order that is refused with {code}", code)

    async def cancel(self, order_id: str) -> None:
        """The owner takes his order out of the book."""
        account = self.placed[self.ids[order_id]].account
        answer = await self.api.ask("DELETE", f"/api/market/orders/{order_id}", OWNER_OF[account])
        if self._went_well(answer, f"a cancel of {order_id}", 200, ("order.ended", "order.cancel_on_chain")):
            self.cancelled.add(order_id)

    # --- direct offers ----------------------------------------------------------------------------------------------

    async def reserve(self, offer_id: str, account: int, energy_wh: int) -> Mapping[str, Any] | None:
        """A buyer reserves energy of an offer for an account; what he is shown, None when he gets nothing."""
        body = {"energyKwh": wh_to_kwh(energy_wh), "buyer": self.trading.chain.address(account)}
        path = f"/api/market/offers/{offer_id}/reservations"
        answer = await self.api.ask("POST", path, OWNER_OF[account], json=body)
        own = OWNER_OF[account] == OWNER_OF[self.direct[offer_id].account]
        if own:
            self._must_refuse(answer, "a reservation of an own offer", "offer.own")
            return None
        allowed = (*CHANGEABLE, "offer.taken", "offer.too_many_reservations")
        if not self._went_well(answer, "a reservation", 201, allowed):
            return None
        assert answer is not None
        return dict(answer.json()["data"])

    def fill(self, offer: Signed, account: int, energy_wh: int, nonce: int) -> Made:
        """The buyer's own transaction; the chain says whether it succeeds."""
        trading = self.trading
        call = trading.stage.contract.functions.fillOffer(
            offer.tuple(), offer.signature, nonce, energy_wh, 100 + account
        )
        sent = trading.chain.send(account, call, f"direct fill {offer.account}→{account} {energy_wh} Wh")
        trade_id = trading.id_of(account, nonce)
        made = Made(sent, offer.account, account, energy_wh, offer.order.price_micro_per_kwh, trade_id, False)
        trading.made.append(made)
        self.filled.append((offer.hash, made))
        return made

    async def take(self, offer_id: str, account: int, energy_wh: int) -> Made | None:
        """Reserve, then fill as the reservation says."""
        shown = await self.reserve(offer_id, account, energy_wh)
        if shown is None:
            return None
        offer = self.direct[offer_id]
        if order_of(shown["order"]) != offer.order or shown["signature"] != "0x" + offer.signature.hex():
            self.broken.append(f"a reservation of {offer_id} showed another order")
        return self.fill(offer, account, energy_wh, int(shown["nonce"]))

    # --- what the book does not know --------------------------------------------------------------------------------

    def settle_behind_its_back(self, random: Random, resting: Signed) -> str:
        """The other settler of the chain logs a resting order with a counterpart that the book never saw."""
        order = resting.order
        account = random.choice([one for one in TRADERS if OWNER_OF[one] != OWNER_OF[resting.account]])
        other = self.sign(
            account,
            replace(
                order, maker=self.trading.stage.address(account), is_bid=not order.is_bid, meter=100 + account,
                slot=(8_000 + random.randrange(190)) << 3 | random.randrange(7),
            ),
        )  # fmt: skip
        offer, bid = (other, resting) if order.is_bid else (resting, other)
        nonce = FOREIGN_NONCES + self.trading.fresh_nonce()
        energy_wh = max(order.min_fill_wh, random.randint(1, order.energy_wh))
        pair = (offer.tuple(), bid.tuple(), offer.signature, bid.signature, nonce, energy_wh)
        call = self.trading.stage.contract.functions.settleMatched([(*pair, order.price_micro_per_kwh)])
        label = f"pair {offer.account}→{bid.account} {energy_wh} Wh behind the book's back"
        self.trading.others.append(self.trading.chain.send(0, call, label))
        return label

    def cancel_on_chain(self, signed: Signed) -> str:
        """The maker cancels an order by his own transaction."""
        order = signed.order
        call = self.trading.stage.contract.functions.cancel(order.lane, order.delivery_start, 1 << order.position)
        label = f"cancel of account {signed.account}, lane {order.lane}"
        self.trading.others.append(self.trading.chain.send(signed.account, call, label))
        return label

    # --- answers ----------------------------------------------------------------------------------------------------

    def _went_well(self, answer: httpx.Response | None, what: str, status: int, allowed: tuple[str, ...] = ()) -> bool:
        """Whether an answer is the one hoped for; an answer that is not allowed either is noted as broken."""
        if answer is not None and answer.status_code == status:
            return True
        said = "by nobody" if answer is None else f"{answer.status_code}: {answer.text[:400]}"
        away = answer is None or answer.status_code == 503
        known = self.declined if away or _code(answer) in allowed else self.broken
        known.append(f"{what} was answered {said}")
        return False

    def _must_refuse(self, answer: httpx.Response | None, what: str, code: str) -> None:
        if answer is not None and answer.status_code != 503 and _code(answer) not in (code, *CHANGEABLE):
            self.broken.append(f"{what} was answered {answer.status_code}: {answer.text[:400]}")


def _code(answer: httpx.Response) -> str:
    try:
        return str((answer.json().get("error") or {}).get("code"))
    except ValueError:
        return "none"


def wrong_clock(now: datetime) -> datetime:
    """A client's clock that is off by more than is borne."""
    return now - timedelta(minutes=7)
