# SPDX-License-Identifier: Apache-2.0
"""Real homes from files laid out like the public data sets, and modelled homes."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.demo import modelled_homes, real_homes
from scripts.demo.community import DataProblem, plan

NOW = datetime(2026, 6, 21, 20, tzinfo=UTC)


def _pack(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def _stamps(day: str, days: int = 4) -> list[str]:
    first = datetime.fromisoformat(day)
    return [str(first + timedelta(minutes=30 * place)) for place in range(48 * days)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The three files, small: one CityLearn home, one SGSC home, the Ausgrid home."""
    first = (datetime(2017, 6, 6) - datetime(2016, 7, 31, 23)) // timedelta(hours=1)
    load = "building,t,pv_nominal_kw,month,hour,day_type,daylight_savings_status,non_shiftable_load,solar_generation"
    rows = [f"1,{t},4.0,6,1,2,0,0.5,250.0" for t in range(first - 2, first + 100)]
    _pack(tmp_path / "households" / real_homes.CITYLEARN, [load, *rows])
    rows = [f"77,{stamp},0.2" for stamp in _stamps("2013-12-03")]
    _pack(tmp_path / "households" / real_homes.SGSC, ["customer_id,reading_datetime,general_supply_kwh", *rows])
    rows = [f"{stamp},0.3,0.8" for stamp in _stamps("2011-12-05", 6)]
    _pack(tmp_path / "households" / real_homes.AUSGRID, [",GC,GG", *rows])
    return tmp_path


def test_read_homes__three_conventions__all_become_watt_hours_per_hour(folder: Path) -> None:
    community = real_homes.read_homes(folder)

    energy = {home.name: (home.capacity_w, *_first(home.readings)) for home in community.homes}
    assert energy == {
        "Fontana 1": (4_000, 500, 1_000),
        "New South Wales 1": (0, 400, 0),
        "Sydney 12": (1_040, 300, 800),
    }
    assert len(community.starts) == 96
    assert community.starts[0] == datetime(2017, 6, 6, 8, tzinfo=UTC)


def _first(readings: tuple[real_homes.Reading, ...]) -> tuple[int, int]:
    return readings[0].consumption_wh, readings[0].generation_wh


def test_read_homes__half_hour_missing__is_refused(folder: Path) -> None:
    rows = [f"77,{stamp},0.2" for stamp in _stamps("2013-12-03")[1:]]
    _pack(folder / "households" / real_homes.SGSC, ["customer_id,reading_datetime,general_supply_kwh", *rows])

    with pytest.raises(DataProblem, match="191 half hours"):
        real_homes.read_homes(folder)


def test_available__a_file_is_missing__says_no(folder: Path) -> None:
    (folder / "households" / real_homes.AUSGRID).unlink()

    assert not real_homes.available(folder)


def test_model_homes__june__trades_enough_and_generates_only_by_day() -> None:
    community = modelled_homes.model_homes(NOW)

    assert (len(community.homes), len(community.starts)) == (20, 96)
    assert community.starts[-1] + timedelta(hours=1) <= NOW
    assert len(plan(community)) >= 200
    night = [
        reading.generation_wh
        for home in community.homes
        for reading in home.readings
        if reading.start.astimezone(modelled_homes.STANDARD_TIME).hour in (22, 23, 0, 1, 2)
    ]
    assert set(night) == {0}


def test_model_homes__southern_roof_on_a_clear_june_day__yields_what_such_roofs_do() -> None:
    home = modelled_homes.model_homes(NOW).homes[0]

    day_kwh = sum(reading.generation_wh for reading in home.readings[:24]) / 1000

    assert 5.5 <= day_kwh / (home.capacity_w / 1000) <= 7.5


def test_model_homes__same_time__gives_the_same_homes() -> None:
    assert modelled_homes.model_homes(NOW) == modelled_homes.model_homes(NOW)
