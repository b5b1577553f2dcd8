# SPDX-License-Identifier: Apache-2.0
"""Forecasts on demand by models of the register: as far as they reach, with their origin, also from damaged files."""

from __future__ import annotations

import numpy as np

from ai_service.alerts import Alerts
from ai_service.forecasting import artifact
from ai_service.forecasting.metrics import MEDIAN
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.stores import local_path
from ai_service.forecasts import engine, recent
from ai_service.forecasts.models import Models, homes
from ai_service.training import learning
from tests.ai_service.training.houses import make_houses

NAME = homes("consumption", 3600)


def promoted(registry, houses):
    version = learning.train_houses(registry, NAME, houses, days=7, rounds=10)
    return registry.promote(NAME, version.number)


async def asked(registry):
    """The model that is at hand once the register was looked into."""
    models = Models(lambda: registry)
    assert models.get(NAME) is None
    await models.refresh()
    return models.get(NAME)


async def test_forecast__a_model_is_in_use__answers_as_far_as_it_reaches_and_names_its_version(registry):
    houses = make_houses()
    version = promoted(registry, houses)
    house = houses["house-0"]

    model = await asked(registry)
    found = engine.forecast(house, skip=1, steps=30, trained=model)

    own = engine.forecast(house, skip=1, steps=30)
    theirs = model.trained.forecast(house).quantiles
    assert np.allclose(found.quantiles[:23], np.maximum(theirs[1:], 0))
    assert np.allclose(found.quantiles[23:], own.quantiles[23:])
    assert found.model.version == f"{NAME}/{version.number}"
    assert (found.model.data_hash, found.figures.mase) == (version.facts.data_hash, version.facts.figures["mase"])
    assert own.model.name == recent.NAME


async def test_forecast__the_model_does_not_reach_half_way__recent_days_answer(registry):
    houses = make_houses()
    promoted(registry, houses)

    found = engine.forecast(houses["house-0"], skip=0, steps=72, trained=await asked(registry))

    assert found.model.name == recent.NAME
    assert len(found.quantiles[:, MEDIAN]) == 72


async def test_forecast__files_of_the_model_are_damaged__the_last_good_version_answers_and_says_so(
    registry, models_url, folder, redis_url
):
    houses = make_houses()
    first, second = promoted(registry, houses), promoted(registry, houses)
    path = local_path(second.source) / artifact.ARRAYS
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    alerts = Alerts(redis_url)

    found = engine.forecast(
        houses["house-1"], skip=0, steps=24, trained=await asked(Registry(models_url, folder, alerts=alerts))
    )

    assert found.model.version == first.label
    assert "model_damaged" in {finding.code for finding in found.findings}
    assert alerts.newest()[0]["code"] == "model.damaged"


async def test_models__no_version_in_use__there_is_none(registry):
    assert await asked(registry) is None


async def test_models__the_register_fails__there_is_none_and_nothing_breaks():
    def closed():
        raise OSError("no such host")

    models = Models(closed)
    models.get(NAME)
    await models.refresh()

    assert models.get(NAME) is None
