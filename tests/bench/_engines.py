# SPDX-License-Identifier: Apache-2.0
"""Open Python energy-market engines, installed beside us on demand, each in an environment of its own, and run.

Under `.cache/engines/NAME` stands a virtual environment; what cannot be installed is said so, with pip's own words.
pymarket: `p2p` tries all pairs of a bid and an offer, `muda` prices each random half of the market by the other.
assume-framework: `pay-as-clear` and `pay-as-bid`, its market roles. All are called directly, on orders already made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.market.clearing.types import Order, Side
from scripts.embedded.process import ROOT

PLACE = ROOT / ".cache" / "engines"
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 300

_FRAME = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
IMPORTS
for line in sys.stdin:
    task = json.loads(line)
    rule, orders = task["rule"], task["orders"]
PREPARE
    started = time.perf_counter()
    answer = CLEAR
    seconds = time.perf_counter() - started
    print(json.dumps(dict(seconds=seconds, volume=round(VOLUME))), flush=True)
"""


def _program(imports: str, prepare: str, clear: str, volume: str) -> str:
    parts = {"IMPORTS": imports, "PREPARE": prepare, "CLEAR": clear, "VOLUME": volume}
    text = _FRAME
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


_PYMARKET = _program(
    imports="import numpy, pymarket\nfrom pymarket.bids import BidManager",
    prepare="""
    bids = BidManager()
    for user, (energy, price, buying) in enumerate(orders):
        bids.add_bid(energy, price, user, buying)
    frame = bids.get_df()
    mechanism = {"p2p": pymarket.mechanisms.p2p_random, "muda": pymarket.mechanisms.muda}[rule]
""",
    clear="mechanism(frame, r=numpy.random.RandomState(1))[0].get_df()",
    volume="answer[answer.bid.isin(frame.index[frame.buying == False])].quantity.sum()",
)

_ASSUME = _program(
    imports="""
from datetime import datetime, timedelta
from dateutil.rrule import HOURLY, rrule
from assume.common.market_objects import MarketConfig, MarketProduct
from assume.markets.clearing_algorithms.simple import PayAsBidRole, PayAsClearRole
hours = rrule(HOURLY, dtstart=datetime(2026, 1, 1), until=datetime(2026, 1, 2))
config = MarketConfig("m", opening_hours=hours, market_products=[MarketProduct(timedelta(hours=1), 1, timedelta(0))])
roles = {"pay-as-clear": PayAsClearRole(config), "pay-as-bid": PayAsBidRole(config)}
product = (datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 13), None)
""",
    prepare="""
    names = ("start_time", "end_time", "only_hours")
    book = [
        dict(zip(names, product), bid_id=str(n), volume=-energy if buying else energy, price=price)
        for n, (energy, price, buying) in enumerate(orders)
    ]
""",
    clear="roles[rule].clear(book, [product])[0]",
    volume='sum(order["accepted_volume"] for order in answer if order["accepted_volume"] > 0)',
)


@dataclass(frozen=True)
class Engine:
    """An engine: what pip installs, the program that runs it, and its rules with the largest book each can take."""

    name: str
    requirement: str
    driver: str
    rules: dict[str, int]


ENGINES = (
    Engine("pymarket", "pymarket==0.7.6", _PYMARKET, {"p2p": 100, "muda": 1_000}),
    Engine("assume-framework", "assume-framework==0.6.0", _ASSUME, {"pay-as-clear": 3_000, "pay-as-bid": 3_000}),
    Engine("gsy-framework", "gsy-framework", "", {}),
)


@dataclass(frozen=True)
class Ran:
    """What an engine made of a book."""

    seconds: float
    volume_wh: int


def python_of(engine: Engine) -> Path | None:
    """The interpreter that has an engine, installed now if need be; None, with the reason printed, if it cannot be."""
    place = PLACE / engine.name
    python, done = place / "bin" / "python", place / "installed"
    if done.exists():
        return python
    make = [sys.executable, "-m", "venv", "--clear", str(place)]
    for command in (make, [str(python), "-m", "pip", "install", engine.requirement]):
        try:
            made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            print(f"{engine.name} cannot be run here: not installed within {INSTALL_TIMEOUT_S} s")
            return None
        if made.returncode != 0:
            errors = [line for line in made.stderr.splitlines() if line.startswith("ERROR")]
            print(f"{engine.name} cannot be run here: {errors[-1] if errors else made.stderr[-200:]}")
            return None
    done.touch()
    return python


def run_engine(engine: Engine, python: Path, rule: str, books: Sequence[Sequence[Order]]) -> list[Ran]:
    """Let an engine clear some books, in one process of its own; energies in Wh, prices per kWh as decimals."""
    tasks = [
        {"rule": rule, "orders": [(o.energy_wh, o.price_micro / 1_000_000, o.side is Side.BID) for o in book]}
        for book in books
    ]
    done = subprocess.run(
        [str(python), "-c", engine.driver],
        input="\n".join(json.dumps(task) for task in tasks),
        stdout=subprocess.PIPE, text=True, timeout=RUN_TIMEOUT_S, check=True,
        cwd=python.parent,  # engines leave log files where they run
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [Ran(answer["seconds"], answer["volume"]) for answer in answers]
