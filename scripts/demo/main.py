# SPDX-License-Identifier: Apache-2.0
"""`gridx demo`: a community's trading days on a stack of its own under `.gridx/demo`, ending with the audit.

Exit code 0: everything happened as it must and the audit found no difference. 1: something did not. 2: the data or the
call cannot be used. 130: interrupted. The stack's data are wiped at the next start; `.gridx/demo/logs` keeps its logs.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx
from rich.console import Console

from scripts import runfile
from scripts.cli.reset import PARTS, wipe
from scripts.demo import meter_data, real_homes
from scripts.demo.api_client import ApiRefused
from scripts.demo.chain_client import ChainProblem
from scripts.demo.community import Community, DataProblem, moved_to
from scripts.demo.scene import StoryBroken
from scripts.demo.screen import Screen
from scripts.demo.story import tell
from scripts.demo.summary import Summary, show
from scripts.embedded.process import ROOT, ProcessFailed
from scripts.stack import FOLDER, Stack, StackRunning

DEMO_FOLDER = FOLDER / "demo"
ASIDE = "aside-"
DATA_FOLDER = ROOT.parent / "shared" / "data"
SETTINGS = {"GRIDX_LIMIT_ANONYMOUS": "10000/second", "GRIDX_LIMIT_USER": "10000/second",
            "GRIDX_LIMIT_SIGN_IN": "10000/second", "GRIDX_RELAYER_INTERVAL_S": "1"}  # fmt: skip
LEAST_HOMES, LEAST_INTERVALS, LEAST_TRADES, LEAST_PAIRS = 20, 96, 200, 20
FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
PROBLEMS = (StoryBroken, ApiRefused, ChainProblem, ProcessFailed, StackRunning, httpx.HTTPError, OSError)


def load(screen: Screen, meter_file: Path | None, data_folder: Path, now: datetime) -> Community:
    """The community: from the file, else the real homes of the folder, else modelled ones; said on screen.

    Raises DataProblem.
    """
    with screen.chapter("interval data read"):
        if meter_file is not None:
            community = meter_data.read_file(meter_file)
        elif real_homes.available(data_folder):
            community = real_homes.read_homes(data_folder)
        else:
            from scripts.demo import modelled_homes

            community = modelled_homes.model_homes(now)
        community, days = moved_to(community, now)
    screen.say(f"  data: {community.source}")
    first, last = community.starts[0], community.starts[-1]
    moved = f", moved by {abs(days)} days so that they end before now" if days else ""
    screen.say(
        f"  {len(community.homes)} homes, {len(community.starts)} intervals of {community.minutes} minutes, "
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC{moved}"
    )
    screen.say(
        "  export and import are netted within each interval; prices lie between feed-in 0.08 and retail 0.32 USD"
    )
    return community


def clear(folder: Path) -> None:
    """Put aside what an earlier demonstration left and end its processes; raises StackRunning while one runs.

    What was put aside is deleted by `forget`, because that takes seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise StackRunning(f"another demonstration runs in {folder}: wait for its end or stop it") from problem
        runfile.end_leftovers(folder)
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=folder))
        for path in (folder / part for part in PARTS):
            if path.exists() and not path.is_symlink():
                path.rename(aside / path.name)
        wipe(folder)


def forget(folder: Path) -> None:
    """Delete what `clear` has put aside, also in runs that were cut short."""
    for path in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(path, ignore_errors=True)


async def perform(screen: Screen, community: Community) -> Summary:
    """Start a stack of its own, tell the story on it, stop it."""
    begun = time.monotonic()
    clear(DEMO_FOLDER)
    stack = Stack(DEMO_FOLDER, environment=SETTINGS, announce=lambda line: screen.say(f"    {line}"))
    forgetting = asyncio.create_task(asyncio.to_thread(forget, DEMO_FOLDER))
    try:
        with screen.chapter(
            "stack started: PostgreSQL, Redis, chain, contracts, api, follower, relay, relayer, worker, AI"
        ):
            await stack.open()
        started = time.monotonic() - begun
        screen.say(f"  {stack.api_url}/api/docs · limits of requests are raised to 10000/second for this one machine")
        summary = await tell(screen, community, stack)
    finally:
        await stack.close()
        await forgetting
    summary.start_s = started
    return summary


def judge(summary: Summary, *, own_data: bool) -> list[str]:
    """What is wrong with a run that went through to its end."""
    problems = [] if summary.differences == 0 else [f"the audit found {summary.differences} differences"]
    figures = (
        ("households", summary.households, LEAST_HOMES),
        ("intervals", summary.intervals, LEAST_INTERVALS),
        ("fills of signed offers", summary.fills, LEAST_TRADES),
        ("pairs matched in the book", summary.book.pairs, LEAST_PAIRS),
    )
    if not own_data:
        problems += [
            f"{found} {name}, at least {least} are promised" for name, found, least in figures if found < least
        ]
    return problems


def explain(problem: BaseException) -> str:
    """The message of a problem, or of the first of several that happened together."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return str(problem) or repr(problem)


async def _until_interrupted(screen: Screen, community: Community) -> Summary:
    """SIGINT and SIGTERM end the story, and the stack stops in order; a second signal does not disturb that."""
    task = asyncio.current_task()
    assert task is not None
    ended = False

    def end() -> None:
        nonlocal ended
        if not ended:
            ended = True
            screen.say("\nstopping …")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    return await perform(screen, community)


def run(meter_file: Path | None, data_folder: Path, *, as_json: bool) -> int:
    """The whole demonstration; returns the exit code."""
    begun = time.monotonic()
    screen = Screen(Console(stderr=as_json))
    try:
        community = load(screen, meter_file, data_folder, datetime.now(UTC))
        summary = asyncio.run(_until_interrupted(screen, community))
    except DataProblem as problem:
        screen.say(f"\nThe data cannot be used: {problem}")
        return UNUSABLE
    except asyncio.CancelledError:
        screen.say("\ninterrupted; everything is stopped")
        return INTERRUPTED
    except (*PROBLEMS, BaseExceptionGroup) as problem:
        screen.say(f"\nThe demonstration failed: {explain(problem)}\nlogs: {DEMO_FOLDER / 'logs'}")
        return FAILED
    summary.total_s = time.monotonic() - begun
    show(screen, summary)
    problems = judge(summary, own_data=meter_file is not None)
    for line in problems:
        screen.say(f"wrong: {line}")
    screen.say(f"audit: {summary.differences} differences")
    if as_json:
        print(json.dumps(summary.as_json() | {"seconds": screen.seconds, "problems": problems}))
    return FAILED if problems else 0


@click.command()
@click.option("--meter-data", "meter_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="CSV: household,start,end,consumption_kwh,generation_kwh.")  # fmt: skip
@click.option("--data-folder", type=click.Path(path_type=Path, file_okay=False), default=DATA_FOLDER, show_default=True,
              help="Folder of the public data sets; without them the homes are modelled.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON; progress goes to standard error.")
def main(meter_file: Path | None, data_folder: Path, as_json: bool) -> None:
    """A community's trading days on the real stack: signed readings, trades on chain, carbon credited, audited."""
    sys.exit(run(meter_file, data_folder, as_json=as_json))


if __name__ == "__main__":
    main()
