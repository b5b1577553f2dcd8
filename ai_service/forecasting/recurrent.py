# SPDX-License-Identifier: Apache-2.0
"""A recurrent network (LSTM of `neuralforecast`) as one more member of a back-test; an optional extra, see optional.py.

It sees the week before an origin and the calendar, one network for all steps of the horizon. It is trained at moments
on a grid of GRID_DAYS, on what was known at the moment, and an origin is answered by the last training before it. Equal
readings are learned from once: networks are kept by the hash of what they learned from.

`Recurrent` holds plain arrays, so that it can lie in the register; without the package it is silent.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ai_service.forecasting.features import known, known_days
from ai_service.forecasting.types import DAY_S, Floats, Ints, Series

if TYPE_CHECKING:
    import pandas as pd

NAME = "lstm"
PACKAGE = "neuralforecast"
SWITCH = "GRIDX_AI_RECURRENT"
GRID_DAYS = 28
WINDOW_DAYS = 7
LEARNED_DAYS = 730
LEAST_DAYS = 42
UPDATES = 500
HIDDEN = 64
SEED = 7
HELD = 32
CLIP = 6.0
CALENDAR = ("hour_sin", "hour_cos", "week_sin", "week_cos", "weekend", "holiday")
_KEPT: OrderedDict[str, Recurrent] = OrderedDict()
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Recurrent:
    """A trained network: its weights by name, and the centre and spread of the readings that it learned from."""

    weights: dict[str, Floats]
    centre: float
    spread: float
    steps: int
    per_day: int

    def predict(self, series: Series, origins: Ints) -> Floats:
        """Medians (origins, steps); NaN where less than half of the week before is known, or without the package."""
        answer = np.full((len(origins), self.steps), np.nan)
        past = known_days(series, origins, days=WINDOW_DAYS)
        ready = np.isfinite(past).mean(axis=(1, 2)) >= 0.5
        if find_spec(PACKAGE) is None or not ready.any():
            return answer
        import torch

        network = _network(self.steps, self.per_day)
        network.load_state_dict({name: torch.tensor(value) for name, value in self.weights.items()})
        network.eval()
        shown = self._scaled(_filled(past[ready]).reshape(int(ready.sum()), -1))
        span = origins[ready][:, None] + np.arange(-shown.shape[1], self.steps)
        asked = {
            "insample_y": torch.tensor(shown[..., None], dtype=torch.float32),
            "futr_exog": torch.tensor(_calendar(series, span), dtype=torch.float32),
            "hist_exog": None,
            "stat_exog": None,
        }
        with torch.no_grad():
            told = network(asked).numpy().astype(np.float64).reshape(-1, self.steps)
        answer[ready] = told * self.spread + self.centre
        return answer

    def _scaled(self, values: Floats) -> Floats:
        return np.clip((values - self.centre) / self.spread, -CLIP, CLIP)


def switched_on() -> bool:
    """Whether the setting asks for it."""
    return os.environ.get(SWITCH, "").strip().lower() in ("1", "true", "yes", "on")


def forecaster(series: Series, origins: Ints, steps: int) -> Floats:
    """Medians (origins, steps), each by the last training of the grid before its origin; NaN before there is one."""
    answer = np.full((len(origins), steps), np.nan)
    grid = GRID_DAYS * DAY_S
    taught_at = (series.time_at(origins) // grid * grid - series.start_s) // series.step_s
    for moment in np.unique(taught_at):
        trained = train(series, int(moment), steps)
        mine = taught_at == moment
        if trained is not None:
            answer[mine] = trained.predict(series, origins[mine])
    return answer


def train(series: Series, moment: int, steps: int) -> Recurrent | None:
    """A network of what was known at `moment` (an index); None with less than LEAST_DAYS of readings by then."""
    first = max(0, moment - LEARNED_DAYS * series.per_day)
    index = np.arange(first, max(first, moment))
    values = known(series, index, np.full(len(index), moment))
    if np.isfinite(values).sum() < LEAST_DAYS * series.per_day:
        return None
    calendar = _calendar(series, index)
    told = f"{steps}|{series.per_day}|".encode() + values.tobytes() + calendar.tobytes()
    key = hashlib.sha256(told).hexdigest()
    with _LOCK:
        if key not in _KEPT:
            _KEPT[key] = _learned(values, calendar, steps=steps, per_day=series.per_day)
            while len(_KEPT) > HELD:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(key)
        return _KEPT[key]


def _learned(values: Floats, calendar: Floats, *, steps: int, per_day: int) -> Recurrent:
    import pandas as pd
    from neuralforecast import NeuralForecast

    seen = np.isfinite(values)
    centre = float(np.median(values[seen]))
    spread = float(np.std(values[seen])) or 1.0
    scaled = np.clip((values - centre) / spread, -CLIP, CLIP)
    table = pd.DataFrame(calendar, columns=list(CALENDAR))
    table = table.assign(unique_id="series", ds=np.arange(len(values)), y=scaled, available_mask=seen.astype(float))
    table["y"] = _usual_where_unknown(table["y"], per_day)
    trainer = NeuralForecast([_network(steps, per_day)], freq=1)
    trainer.fit(table)
    learned = trainer.models[0].state_dict()
    weights = {name: value.detach().numpy().copy() for name, value in learned.items()}
    return Recurrent(weights, centre, spread, steps, per_day)


def _network(steps: int, per_day: int) -> Any:
    """The network before any training; the same weights each time."""
    for name in ("pytorch_lightning", "lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from neuralforecast.losses.pytorch import MAE
    from neuralforecast.models import LSTM

    return LSTM(
        h=steps,
        input_size=WINDOW_DAYS * per_day,
        encoder_n_layers=1,
        encoder_hidden_size=HIDDEN,
        decoder_hidden_size=HIDDEN,
        decoder_layers=2,
        futr_exog_list=list(CALENDAR),
        loss=MAE(),
        max_steps=UPDATES,
        learning_rate=2e-3,
        num_lr_decays=3,
        batch_size=1,
        windows_batch_size=64,
        scaler_type="identity",
        random_seed=SEED,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tempfile.gettempdir(),
    )


def _calendar(series: Series, index: Ints) -> Floats:
    """(…, CALENDAR) of index positions; those before the series stand at its start."""
    clock = series.calendar(np.maximum(index, 0))
    day, week = (2 * np.pi * turn for turn in (clock.hour / 24, (clock.weekday + clock.hour / 24) / 7))
    rows = (np.sin(day), np.cos(day), np.sin(week), np.cos(week), (clock.weekday >= 5).astype(float), clock.holiday)
    return np.stack(rows, axis=-1)


def _filled(past: Floats) -> Floats:
    """(origins, days, slots): an unknown value is the mean of its slot in the window, else of the window."""
    seen = np.isfinite(past)
    total, count = np.where(seen, past, 0.0).sum(axis=1), seen.sum(axis=1)
    whole = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    usual = np.where(count > 0, total / np.maximum(count, 1), whole)
    return np.where(seen, past, usual[:, None, :])


def _usual_where_unknown(values: pd.Series[float], per_day: int) -> pd.Series[float]:
    """An unknown value is its slot's mean; the mask keeps it from counting as a target."""
    slot = np.arange(len(values)) % per_day
    return values.fillna(values.groupby(slot).transform("mean")).fillna(0.0)
