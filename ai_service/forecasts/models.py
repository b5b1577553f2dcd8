# SPDX-License-Identifier: Apache-2.0
"""Trained models at hand: the register is asked in the background, never while somebody waits for a forecast.

Names follow one pattern: `homes-<quantity>-<step>s-24h` for all houses, `city-<id>-<step>s-24h` for a city. A name that
nobody has asked for before is looked up within moments; until then the model of recent days answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog

from ai_service.forecasting import errors

if TYPE_CHECKING:
    from ai_service.forecasting.versions import Model

log = structlog.get_logger()

REFRESH_S = 15.0
MOST_NAMES = 64
HORIZON_H = 24


class Register(Protocol):
    """What is needed of `forecasting.registry.Registry`."""

    def load(self, name: str) -> Model:
        """The model in use; blocks. Raises ModelUnknown, RegisterAway, ArtifactDamaged."""


def homes(quantity: str, step_s: int) -> str:
    """The name of the model of all houses."""
    return f"homes-{quantity}-{step_s}s-{HORIZON_H}h"


def city(city_id: str, step_s: int) -> str:
    """The name of a city's model."""
    return f"city-{city_id}-{step_s}s-{HORIZON_H}h"


class Models:
    """`get` answers from memory; `keep_up` runs beside it. Without a way to open a register there is never a model."""

    def __init__(self, open_register: Callable[[], Register] | None) -> None:
        self._open = open_register
        self._register: Register | None = None
        self._at_hand: dict[str, Model | None] = {}
        self._asked = asyncio.Event()

    def get(self, name: str) -> Model | None:
        """The model in use under a name, if it is at hand."""
        if self._open is None:
            return None
        if name not in self._at_hand and len(self._at_hand) < MOST_NAMES:
            self._at_hand[name] = None
            self._asked.set()
        return self._at_hand.get(name)

    async def keep_up(self) -> None:
        """Look up what was asked for, at once and then every REFRESH_S; until cancelled."""
        while self._open is not None:
            self._asked.clear()
            await self.refresh()
            try:
                await asyncio.wait_for(self._asked.wait(), REFRESH_S)
            except TimeoutError:
                continue

    async def refresh(self) -> None:
        """Look up everything that was asked for."""
        for name in list(self._at_hand):
            self._at_hand[name] = await asyncio.to_thread(self._look_up, name)

    def _look_up(self, name: str) -> Model | None:
        """The model in use; the one at hand while the register is away; None where there is none."""
        try:
            if self._register is None:
                assert self._open is not None
                self._register = self._open()
            return self._register.load(name)
        except errors.ModelUnknown:
            return None
        except (errors.RegisterAway, errors.ArtifactDamaged) as problem:
            log.warning("models.kept", model=name, code=problem.code, error=problem.message)
            return self._at_hand.get(name)
        except Exception as problem:  # a register that fails in an unforeseen way costs the model, not the service
            log.error("models.unusable", model=name, error=repr(problem), exc_info=problem)
            return self._at_hand.get(name)
