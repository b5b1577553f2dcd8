# SPDX-License-Identifier: Apache-2.0
"""Cities: series in CSV files that a catalogue names. The catalogue is a JSON file, its paths are relative to it.

{"victoria": {"name": "Victoria", "csv": "vic_elec_30min.csv.gz", "timeColumn": "Time", "valueColumn": "Demand",
              "resolution": "1h", "timezone": "UTC", "region": "AU-VIC", "unit": "MWh", "total": true}}
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

from pydantic import TypeAdapter

from ai_service.envelope import ApiModel
from ai_service.forecasting import data
from ai_service.forecasting.data import Read
from ai_service.forecasts.errors import CityUnknown

HELD = 8


class City(ApiModel):
    """One entry of the catalogue; columns and zones as of `gridx-ai backtest`."""

    name: str
    csv: Path
    time_column: str
    value_column: str
    unit: str = ""
    resolution: str | None = None
    timezone: str = "UTC"
    region: str | None = None
    total: bool = False


class Catalogue:
    """Reads the catalogue once and each city's file when it is asked for or has changed."""

    def __init__(self, path: Path | None) -> None:
        self._folder = path.parent if path is not None else Path()
        entries = json.loads(path.read_text()) if path is not None else {}
        self.cities: dict[str, City] = TypeAdapter(dict[str, City]).validate_python(entries)
        self._held: OrderedDict[tuple[str, str | None], tuple[int, Read]] = OrderedDict()

    def city(self, city_id: str) -> City:
        """An entry. Raises CityUnknown."""
        if city_id not in self.cities:
            raise CityUnknown(city_id=city_id, known=sorted(self.cities)[:50])
        return self.cities[city_id]

    def read(self, city_id: str, *, resolution: str | None = None) -> Read:
        """The city's series. Raises CityUnknown and what reading a file raises."""
        city = self.city(city_id)
        wanted = resolution or city.resolution
        path = self._folder / city.csv
        changed = path.stat().st_mtime_ns if path.exists() else 0
        held = self._held.get((city_id, wanted))
        if held is not None and held[0] == changed:
            self._held.move_to_end((city_id, wanted))
            return held[1]
        source = data.Source(
            city.time_column,
            city.value_column,
            resolution=wanted,
            zone=city.timezone,
            region=city.region,
            total=city.total,
        )
        found = data.read_csv(path, source)
        self._held[(city_id, wanted)] = (changed, found)
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        return found
