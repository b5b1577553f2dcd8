# SPDX-License-Identifier: Apache-2.0
"""`gridx simulate`: a community with trading agents over many days, in memory, and a report of it.

Exit code 0: the report is written. 2: the data, a file or the call cannot be used; then nothing was written.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from backend.market.clearing.fees import NO_FEES, Fees, FeesInvalid
from backend.market.clearing.types import Rule
from backend.market.clearing.wire import fees_from
from backend.market.simulation.report import HTML_NAME, JSON_NAME, FolderInUse, Report, refuse_other_content, run
from backend.market.simulation.types import DEFAULT_MIX, Agent, Setup, World
from scripts.demo import real_homes
from scripts.demo.community import DataProblem
from scripts.demo.screen import Screen
from scripts.embedded.process import ROOT
from scripts.simulation.choosing import HOUSEHOLDS, Wanted, world_of

UNUSABLE = 2
MAX_SEED = 2**63 - 1
DATA_FOLDER = ROOT.parent / "shared" / "data"
OUT = ROOT / ".gridx" / "simulation"
LISTED = ("setting", "market", "energy", "peak", "money", "carbon", "island", "checks")


def read_fees(path: Path) -> Fees:
    """Fees of a JSON file, as `gridx market clear --fees` takes it. Raises DataProblem."""
    try:
        return fees_from(orjson.loads(path.read_bytes()))
    except OSError as problem:
        raise DataProblem(f"{path} cannot be read: {problem}") from problem
    except orjson.JSONDecodeError as problem:
        raise DataProblem(f"{path}, line {problem.lineno}: this is not JSON: {problem.msg}") from problem
    except FeesInvalid as problem:
        raise DataProblem(f"{path}: {problem}") from problem


def read_mix(text: str) -> dict[Agent, int]:
    """Weights of agents from `name=weight,…`. Raises DataProblem."""
    known = {agent.value: agent for agent in Agent}
    mix: dict[Agent, int] = {}
    for part in text.split(","):
        name, _, weight = (piece.strip() for piece in part.partition("="))
        if name not in known:
            raise DataProblem(f"--agents: {name!r} is no agent; known are {', '.join(known)}")
        if known[name] in mix:
            raise DataProblem(f"--agents: {name} is named twice")
        if not (weight.isascii() and weight.isdecimal() and len(weight) <= 6):
            raise DataProblem(f"--agents: the weight of {name} must be a whole number up to 999999; it is {weight!r}")
        mix[known[name]] = int(weight)
    if not any(mix.values()):
        raise DataProblem("--agents: at least one weight must be above 0")
    return mix


def check_island(world: World, setup: Setup) -> None:
    """Raises DataProblem when the island would begin after the end of the data."""
    hours = world.intervals * world.minutes / 60
    if setup.island_hour is not None and setup.island_hour >= hours:
        raise DataProblem(f"--island {setup.island_hour}: the data end after {hours:g} hours; choose an earlier hour")


def simulate_all(screen: Screen, wanted: Wanted, setup: Setup, out: Path) -> Report:
    """Read or model the households, run, write. Raises DataProblem, FolderInUse, OSError."""
    refuse_other_content(out)
    with screen.chapter("households read" if wanted.reads else "households modelled"):
        world = world_of(wanted, seed=setup.seed)
    check_island(world, setup)
    screen.say(f"  data: {world.source}")
    screen.say(f"  {len(world.households)} households, {world.intervals} intervals of {world.minutes} minutes")
    with screen.chapter(f"intervals traded, {setup.rule.value}", world.intervals) as advance:
        report = run(world, setup, advance=advance)
    report.write(out)
    return report


def show(screen: Screen, figures: dict[str, Any], out: Path, seconds: float) -> None:
    """The main figures on screen."""
    market, energy, money = figures["market"], figures["energy"], figures["money"]
    carbon, peak = figures["carbon"], figures["peak"]["import_w"]
    currency = figures["setting"]["currency"]
    price = market["mean_price_micro_per_kwh"]
    screen.say()
    screen.say(f"  traded             {market['traded_wh'] / 1000:,.1f} kWh in {market['deals']:,} deals")
    if price is not None:
        screen.say(f"  mean price         {price / 1e6:.4f} {currency}/kWh")
    for name in ("self_sufficiency", "self_consumption"):
        parts = ", ".join(f"{way} {value:.1%}" for way, value in energy[name].items() if value is not None)
        screen.say(f"  {name.replace('_', '-'):<18} {parts}")
    screen.say(f"  grid peak          {peak['market'] / 1000:.1f} kW, without market {peak['alone'] / 1000:.1f} kW")
    saved = money["savings_per_household_micro"] / 1e6
    screen.say(f"  saved per home     {saved:.2f} {currency}, Gini {money['gini_of_savings']}")
    screen.say(
        f"  avoided emissions  {carbon['avoided_emission_estimate_g'] / 1000:,.1f} kg CO2e, an estimate at "
        f"{carbon['factor_mg_per_kwh']:,} mg/kWh, {carbon['region']}, {carbon['vintage']}: {carbon['source']}"
    )
    if "island" in figures:
        island = figures["island"]
        alone, served = island["served_share_alone"], island["served_share"]
        screen.say(f"  island             {served:.1%} of the demand served; each house alone {alone:.1%}")
    screen.say(f"  report             {out / HTML_NAME}, {out / JSON_NAME} ({seconds:.1f} s)")


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="CSV of interval data, or the folder of the public data sets. Default: that folder if it is there.",
)
@click.option(
    "--households", type=int, help=f"Model so many households (default {HOUSEHOLDS}); with --data: the first N."
)
@click.option(
    "--days",
    type=int,
    help="Days to model (default 7) or to take (default: all; 4 of the public data sets, which have 12).",
)
@click.option(
    "--rule",
    type=click.Choice([rule.value for rule in Rule]),
    default=Rule.CONTINUOUS.value,
    show_default=True,
    help="How the market is cleared.",
)
@click.option(
    "--fees",
    "fees_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON: communityFeeMicroPerKwh, gridFeeMicroPerKwh, pairFeeMicroPerKwh.",
)
@click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), default=1, show_default=True, help="Seed of all that is drawn."
)
@click.option(
    "--island", "island_hour", type=click.IntRange(0), help="From this hour on the grid is away for 24 hours."
)
@click.option(
    "--agents",
    default=",".join(f"{agent.value}={weight}" for agent, weight in DEFAULT_MIX.items()),
    show_default=True,
    help="Weights of the agents; storage agents have a battery of 10 kWh.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=OUT,
    show_default=".gridx/simulation",
    help="Folder of report.html and report.json; an earlier report there is replaced.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the figures as one JSON line; the rest goes to standard error."
)
def simulate(
    data: Path | None, households: int | None, days: int | None, rule: str, fees_file: Path | None, seed: int,
    island_hour: int | None, agents: str, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Simulate a community with trading agents on the market's own code, and report what comes of it."""
    begun = time.monotonic()
    screen = Screen(Console(stderr=True))
    if data is None and households is None and real_homes.available(DATA_FOLDER):
        data = DATA_FOLDER
    try:
        fees = read_fees(fees_file) if fees_file is not None else NO_FEES
        setup = Setup(Rule(rule), fees=fees, seed=seed, mix=read_mix(agents), island_hour=island_hour)
        report = simulate_all(screen, Wanted(data, households, days), setup, out)
    except (DataProblem, FolderInUse, OSError) as problem:
        screen.say(f"\nThis cannot be simulated: {problem}")
        sys.exit(UNUSABLE)
    show(screen, report.figures, out, time.monotonic() - begun)
    if as_json:
        listed = {name: report.figures[name] for name in LISTED if name in report.figures}
        print(json.dumps(listed | {"report": str(out)}))
