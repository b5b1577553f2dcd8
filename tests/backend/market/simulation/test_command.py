# SPDX-License-Identifier: Apache-2.0
"""`gridx simulate` as it is called."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.cli.simulate import simulate
from scripts.simulation.modelled import modelled_world

START = datetime(2024, 6, 4, tzinfo=UTC)


def _call(*arguments: object) -> Result:
    return CliRunner(mix_stderr=False).invoke(simulate, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four homes over two days, hourly; two of them with panels."""
    lines = ["household,start,end,consumption_kwh,generation_kwh"]
    for home in range(4):
        for hour in range(48):
            start = START + timedelta(hours=hour)
            sun = max(0, 6 - abs(hour % 24 - 12)) * 0.4 * (home % 2)
            load = 0.3 + (home * 7 + hour) % 5 / 10
            lines.append(f"Home {home},{start.isoformat()},{(start + timedelta(hours=1)).isoformat()},{load},{sun}")
    path = tmp_path / "homes.csv"
    path.write_text("\n".join(lines))
    return path


def test_simulate__file_twice__writes_the_same_bytes_and_prints_json(data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    results = [_call("--data", data, "--seed", 5, "--out", folder, "--json") for folder in (first, second)]

    assert [result.exit_code for result in results] == [0, 0]
    for name in ("report.json", "report.html"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    printed = json.loads(results[0].stdout.splitlines()[-1])
    assert printed["setting"]["households"] == 4
    assert set(printed["checks"].values()) == {0}
    assert "intervals traded" in results[0].stderr


def test_simulate__fees_mix_island__are_in_the_report(data: Path, tmp_path: Path) -> None:
    fees = tmp_path / "fees.json"
    fees.write_text('{"communityFeeMicroPerKwh": 20000}')

    result = _call(
        "--data", data, "--rule", "uniform", "--fees", fees, "--island", 30, "--agents", "storage=1,forecast=1",
        "--out", tmp_path / "out", "--days", 2, "--households", 3,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    figures = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert figures["setting"]["agents"] == {"zero-intelligence": 0, "forecast": 2, "storage": 1}
    assert figures["money"]["fees_micro"] > 0
    assert figures["island"]["hours"] == 18


CALLS = {
    "island after the end": (["--island", "48"], "data end after 48 hours"),
    "too many days": (["--days", "3"], "the data have 2 days"),
    "too many households": (["--households", "5"], "the data have 4"),
    "unknown agent": (["--agents", "oracle=1"], "'oracle' is no agent"),
    "no weight": (["--agents", "storage=0"], "at least one weight"),
    "bad fees": (["--fees", "{folder}/fees.json"], "fees.json, line 2"),
    "negative fee": (["--fees", "{folder}/negative.json"], "negative.json: "),
}


@pytest.mark.parametrize("what", list(CALLS))
def test_simulate__call_that_cannot_be__says_why_and_writes_nothing(data: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "fees.json").write_text('{\n "communityFee')
    (tmp_path / "negative.json").write_text('{"communityFeeMicroPerKwh": -1}')
    arguments, message = CALLS[what]
    before = sorted(tmp_path.iterdir())

    result = _call("--data", data, "--out", tmp_path / "out", *(one.format(folder=tmp_path) for one in arguments))

    assert result.exit_code == 2
    assert message in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_simulate__bad_row__names_its_line_and_keeps_the_earlier_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _call("--data", data, "--out", out).exit_code == 0
    earlier = (out / "report.json").read_bytes()
    data.write_text(data.read_text().replace(",0.5,", ",-0.5,", 1))

    result = _call("--data", data, "--out", out)

    assert result.exit_code == 2
    assert "homes.csv, line" in result.stderr
    assert (out / "report.json").read_bytes() == earlier


def test_modelled_world__more_homes_of_a_seed__begin_with_the_same_homes() -> None:
    few, many = modelled_world(2, 1, seed=4), modelled_world(3, 1, seed=4)

    for one, other in zip(few.households, many.households, strict=False):
        assert one.name == other.name
        assert one.consumption_wh.tolist() == other.consumption_wh.tolist()
        assert one.generation_wh.tolist() == other.generation_wh.tolist()
    assert few.households[0].generation_wh.sum() > 5_000
    assert not few.households[1].generation_wh.any()
