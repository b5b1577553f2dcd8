# SPDX-License-Identifier: Apache-2.0
"""What the demonstration came to: tables for people, JSON for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from backend.core.units import grams_to_kg, wh_to_kwh
from scripts.demo.aftermath import SHOWN_PLACES, Outcome
from scripts.demo.order_book import Trading
from scripts.demo.scene import Scene
from scripts.demo.screen import Screen


@dataclass(slots=True)
class Summary:
    """Figures of a run. `differences` is the audit's; None until it has run."""

    data: str
    households: int
    intervals: int
    delivery_minutes: int
    readings: int
    trades: int
    fills: int
    traded_kwh: str
    delivered_kwh: str
    credited_kg_co2e: str
    factor: str
    gas_trades: int
    gas_median_fill: int
    gas_other: int
    certificate: str
    leaderboard: list[dict[str, Any]]
    book: Trading
    differences: int | None = None
    start_s: float = 0.0
    total_s: float = 0.0

    @classmethod
    def of(
        cls, scene: Scene, outcome: Outcome, places: list[dict[str, Any]], certificate: str, book: Trading
    ) -> Summary:
        """From what happened."""
        fills = [trade.gas_used for trade in scene.trades if not _is_logged_alone(trade.trade_id)]
        homes, starts = len(scene.households), len(scene.community.starts)
        return cls(
            data=scene.community.source,
            households=homes,
            intervals=starts,
            delivery_minutes=scene.community.minutes,
            readings=homes * starts,
            trades=len(scene.trades),
            fills=len(fills),
            traded_kwh=wh_to_kwh(outcome.traded_wh),
            delivered_kwh=wh_to_kwh(outcome.delivered_wh),
            credited_kg_co2e=grams_to_kg(outcome.credited_g),
            factor=scene.factor.label,
            gas_trades=sum(trade.gas_used for trade in scene.trades),
            gas_median_fill=int(median(fills)),
            gas_other=scene.gas_other,
            certificate=certificate,
            leaderboard=places,
            book=book,
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def _is_logged_alone(trade_id: str) -> bool:
    """Sequential nonces of `logEnergyTrade` have their top bit set."""
    return bool(int(trade_id, 16) >> 95 & 1)


def show_leaderboard(screen: Screen, places: list[dict[str, Any]]) -> None:
    """The first places."""
    screen.say("\nLeaderboard: avoided-emission estimate, all time (homes that did not opt in have an alias)")
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("household")
    table.add_column("kg CO2e", justify="right")
    for place in places[:SHOWN_PLACES]:
        table.add_row(str(place["rank"]), place["name"], place["carbonKg"])
    screen.console.print(table)
    if len(places) > SHOWN_PLACES:
        screen.say(f"  and {len(places) - SHOWN_PLACES} more")


def show(screen: Screen, summary: Summary) -> None:
    """The figures of the run."""
    screen.say("\nSummary")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows = (
        ("households · intervals · signed readings",
         f"{summary.households} · {summary.intervals} × {summary.delivery_minutes} min · {summary.readings:,}"),
        ("trades (of them fills of signed offers)", f"{summary.trades} ({summary.fills})"),
        ("traded · delivered", f"{summary.traded_kwh} kWh · {summary.delivered_kwh} kWh"),
        ("avoided-emission estimate credited", f"{summary.credited_kg_co2e} kg CO2e"),
        ("gas of all trades · of a fill (median)", f"{summary.gas_trades:,} · {summary.gas_median_fill:,}"),
        ("book: orders accepted · refused", f"{summary.book.accepted} · {summary.book.refused}"),
        ("book: pairs matched · gas a pair (median)", f"{summary.book.pairs} · {summary.book.gas_pair_median:,}"),
        ("book: live events seen by one home", f"{sum(summary.book.events.values())}"),
        ("gas of registers and confirmations", f"{summary.gas_other:,}"),
        ("seconds until the stack was up · in all", f"{summary.start_s:.1f} s · {summary.total_s:.1f} s"),
    )  # fmt: skip
    for name, value in rows:
        table.add_row(name, value)
    screen.console.print(table)
