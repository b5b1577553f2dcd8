# SPDX-License-Identifier: Apache-2.0
"""The report: the same bytes for the same seed, a page that fetches nothing, files that appear whole or not at all."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.market.clearing.types import Rule
from backend.market.simulation.plots import BOTTOM, HEIGHT, LEFT, WIDTH
from backend.market.simulation.report import FolderInUse, Report, run
from backend.market.simulation.types import Setup
from tests.backend.market.simulation.worlds import make_home, make_world, sunny_world


@pytest.mark.parametrize("rule", list(Rule))
def test_run__same_seed_twice__gives_the_same_bytes(rule: Rule) -> None:
    setup = Setup(rule, seed=7, island_hour=30)

    first, second = run(sunny_world(6, 3), setup), run(sunny_world(6, 3), setup)

    assert first.json == second.json
    assert first.html == second.html


def test_run__another_seed__gives_another_report() -> None:
    first, second = (run(sunny_world(6, 3), Setup(Rule.UNIFORM, seed=seed)) for seed in (1, 2))

    assert first.json != second.json


def test_run__page__holds_all_it_shows_and_names_are_text() -> None:
    hours = [500] * 24
    world = make_world(make_home("<script>alert(1)</script>", hours, [0] * 24), make_home("B & C", [0] * 24, hours))

    page = run(replace(world, source="<b>file</b>.csv"), Setup(Rule.CONTINUOUS)).html.decode()

    assert "<script" not in page
    assert "B &amp; C" in page
    assert "<b>" not in page
    assert re.search(r"\bsrc=|href|url\(|@import|https?:", page) is None
    assert page.count("<svg ") == 4


def test_run__charts__are_well_formed_and_stay_within_their_frames() -> None:
    setup = Setup(Rule.CONTINUOUS, island_hour=30)

    page = run(sunny_world(5, 3), setup).html.decode()

    drawings = [ElementTree.fromstring(text) for text in re.findall(r"<svg .*?</svg>", page, re.DOTALL)]
    assert len(drawings) == 8
    for drawing in drawings:
        for shape in drawing:
            for point in shape.get("points", "").split():
                x, y = map(float, point.split(","))
                assert LEFT - 1 <= x <= WIDTH
                assert 0 <= y <= HEIGHT - BOTTOM + 1
            if shape.tag == "rect":
                assert float(shape.attrib["y"]) + float(shape.attrib["height"]) <= HEIGHT - BOTTOM + 1


def test_run__nothing_to_trade__reports_no_price_and_no_shares() -> None:
    world = make_world(make_home("A", [0, 0], [0, 0]), make_home("B", [0, 0], [0, 0]))

    report = run(world, Setup(Rule.PAY_AS_BID))

    figures = json.loads(report.json)
    assert figures["market"]["mean_price_micro_per_kwh"] is None
    assert figures["energy"]["self_sufficiency"]["pooled"] is None
    assert figures["series"]["price_micro_per_kwh"] == [-1, -1]
    assert b"nan" not in report.html.lower()


def test_run__progress__is_told_of_every_interval() -> None:
    told: list[int] = []

    run(sunny_world(2, 1), Setup(Rule.UNIFORM), advance=told.append)

    assert told == [1] * 24


REPORT = Report({}, b"{}", b"<!doctype html>")


def test_write__earlier_report__is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    Report({}, b"old", b"old").write(folder)

    REPORT.write(folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "report.json": b"{}", "report.html": b"<!doctype html>",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_write__folder_with_other_files__is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(FolderInUse, match=r"thesis\.txt"):
        REPORT.write(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_write__disk_refuses__leaves_the_earlier_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    REPORT.write(folder)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "report.html":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        Report({}, b"new", b"new").write(folder)

    assert (folder / "report.json").read_bytes() == b"{}"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
