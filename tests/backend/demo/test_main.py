# SPDX-License-Identifier: Apache-2.0
"""What surrounds the story: choice of data, wiping, verdict, screen."""

import asyncio
import fcntl
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from scripts.demo.community import DataProblem
from scripts.demo.main import clear, explain, forget, judge, load
from scripts.demo.order_book import Trading
from scripts.demo.scene import StoryBroken, expect, together
from scripts.demo.screen import Screen
from scripts.demo.summary import Summary
from scripts.stack import StackRunning

NOW = datetime(2026, 11, 21, 2, 4, tzinfo=UTC)
SUMMARY = Summary(
    data="", households=20, intervals=96, delivery_minutes=60, readings=1_920, trades=201, fills=200, traded_kwh="1",
    delivered_kwh="1", credited_kg_co2e="1", factor="", gas_trades=1, gas_median_fill=1, gas_other=1, certificate="",
    leaderboard=[], book=Trading(pairs=20), differences=0,
)  # fmt: skip


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=200))


def _shown(screen: Screen) -> str:
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


def test_load__own_file__says_so_and_moves_it_before_now(screen: Screen, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    rows = [f"{home},2024-06-04T07:00Z,2024-06-04T08:00Z,1,0" for home in "AB"]
    path.write_text("\n".join(["household,start,end,consumption_kwh,generation_kwh", *rows]))

    community = load(screen, path, tmp_path, NOW)

    assert community.starts == [datetime(2026, 11, 20, 7, tzinfo=UTC)]
    assert "data: interval data of own.csv" in _shown(screen)
    assert "moved by 899 days" in _shown(screen)


def test_load__no_data_at_hand__models_homes_and_says_so(screen: Screen, tmp_path: Path) -> None:
    community = load(screen, None, tmp_path, NOW)

    assert len(community.homes) == 20
    assert "data: 20 modelled homes" in _shown(screen)


def test_load__file_without_rows__is_refused(screen: Screen, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("household,start,end,consumption_kwh,generation_kwh\n")

    with pytest.raises(DataProblem):
        load(screen, path, tmp_path, NOW)


def test_clear__earlier_data__is_gone_and_logs_and_secrets_stay(tmp_path: Path) -> None:
    for part in ("postgres", "logs", "chain"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "file").write_text("old")
    (tmp_path / "secrets").write_text("kept")

    clear(tmp_path)
    forget(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "logs", "secrets"]


def test_clear__another_demonstration_runs__is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "chain").mkdir()
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(StackRunning, match="another demonstration"):
            clear(tmp_path)

    assert (tmp_path / "chain").exists()


def test_judge__all_as_promised__finds_nothing() -> None:
    assert judge(SUMMARY, own_data=False) == []


@pytest.mark.parametrize("change", [{"differences": 1}, {"households": 19}, {"intervals": 95}, {"fills": 199}])
def test_judge__less_than_promised__says_what(change: dict[str, int]) -> None:
    problems = judge(replace(SUMMARY, **change), own_data=False)  # type: ignore[arg-type]

    assert len(problems) == 1
    assert str(next(iter(change.values()))) in problems[0]


def test_judge__few_pairs_in_the_book__says_so() -> None:
    assert judge(replace(SUMMARY, book=Trading(pairs=19)), own_data=False) == [
        "19 pairs matched in the book, at least 20 are promised"
    ]


def test_judge__own_data_with_few_homes__finds_nothing() -> None:
    assert judge(replace(SUMMARY, households=3, intervals=12, fills=9), own_data=True) == []


def test_explain__problems_at_once__gives_the_first() -> None:
    group = BaseExceptionGroup("several", [ExceptionGroup("inner", [ValueError("the cause")]), OSError("later")])

    assert explain(group) == "the cause"


def test_expect__not_so__says_what_was_expected_and_found() -> None:
    with pytest.raises(StoryBroken, match="expected that it rains; found sun"):
        expect(False, "it rains", "sun")


async def test_together__many_items__keeps_their_order_and_bounds_their_number() -> None:
    running = most = 0

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return item * 2

    assert await together(work, range(40), at_once=3) == [item * 2 for item in range(40)]
    assert most == 3


def test_chapter__not_a_terminal__prints_plain_lines(screen: Screen) -> None:
    with screen.chapter("things", 4) as advance:
        for _ in range(4):
            advance(1)

    lines = _shown(screen).splitlines()
    assert lines[:4] == ["  … things", "    1 of 4", "    2 of 4", "    3 of 4"]
    assert lines[4].startswith("  ✓ things 4 (")
    assert list(screen.seconds) == ["things"]
