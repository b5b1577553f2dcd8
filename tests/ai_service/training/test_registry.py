# SPDX-License-Identifier: Apache-2.0
"""The register: versions, the one in use, going back, files that are damaged, memory that is bounded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from ai_service.alerts import Alerts
from ai_service.forecasting import artifact, errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.stores import local_path
from tests.ai_service.training.versions import FACTS, forecast_of, level_of, make_versions


def spoil(version):
    """One byte of one file is another one."""
    path = local_path(version.source) / artifact.ARRAYS
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_register__a_model__is_kept_with_its_facts_and_not_in_use(registry):
    registry.register("homes", forecast_of(1), FACTS)

    version = registry.version("homes", 1)
    assert version.facts == FACTS
    assert version.promoted_at is None
    assert registry.names() == ["homes"]
    with pytest.raises(errors.ModelUnknown):
        registry.load("homes")


def test_promote__a_version__is_what_another_process_loads(registry, models_url, folder):
    registry.register("homes", forecast_of(1), FACTS)
    registry.promote("homes", 1)

    loaded = Registry(models_url, folder).load("homes")

    assert (loaded.version.label, level_of(loaded)) == ("homes/1", 1.0)


def test_roll_back__two_promoted__brings_the_first_back_and_withdraws_the_second(registry):
    make_versions(registry, "homes", 2, used=(1, 2))

    back = registry.roll_back("homes")

    assert back.number == 1
    assert level_of(registry.load("homes")) == 1.0
    assert registry.version("homes", 2).withdrawn_at is not None


def test_roll_back__only_one_was_ever_in_use__is_refused(registry):
    registry.register("homes", forecast_of(1), FACTS)
    registry.promote("homes", 1)

    with pytest.raises(errors.NothingToRollBackTo):
        registry.roll_back("homes")

    assert registry.in_use("homes").number == 1


def test_load__the_version_in_use_is_damaged__last_good_version_answers_and_an_alert_is_raised(
    registry, models_url, folder, redis_url
):
    make_versions(registry, "homes", 2, used=(1, 2))
    spoil(registry.version("homes", 2))
    alerts = Alerts(redis_url)
    fresh = Registry(models_url, folder, alerts=alerts)

    first, again = fresh.load("homes"), fresh.load("homes")

    assert (first.version.number, first.fallback_for, level_of(first)) == (1, 2, 1.0)
    assert again is first
    assert [(alert["code"], alert["facts"]["version"]) for alert in alerts.newest()] == [("model.damaged", 2)]


def test_load__every_version_is_damaged__is_refused_by_name(registry, models_url, folder):
    version = registry.register("homes", forecast_of(1), FACTS)
    registry.promote("homes", 1)
    shutil.rmtree(local_path(version.source))

    with pytest.raises(errors.ArtifactDamaged):
        Registry(models_url, folder).load("homes")


def test_promote__damaged_files__is_refused_and_the_version_in_use_stays(registry):
    make_versions(registry, "homes", 2, used=(1,))
    spoil(registry.version("homes", 2))

    with pytest.raises(errors.ArtifactDamaged):
        registry.promote("homes", 2)

    assert registry.in_use("homes").number == 1


def test_load__more_models_than_fit__forgets_the_one_asked_longest_ago(registry):
    for name in ("a", "b", "c"):
        registry.register(name, forecast_of(1), FACTS)
        registry.promote(name, 1)
    first = registry.load("a")

    registry.load("b")
    assert registry.load("a") is first
    registry.load("c")

    assert registry.load("a") is first
    assert [key[0] for key in registry._held] == ["c", "a"]


def test_load__register_stops_answering__what_is_in_memory_goes_on_and_the_rest_is_refused(
    registry, models_url, cluster, monkeypatch
):
    registry.register("homes", forecast_of(1), FACTS)
    registry.promote("homes", 1)
    monkeypatch.setattr("ai_service.forecasting.registry.LOOKED_UP_S", -1.0)
    registry.load("homes")
    name = models_url.rsplit("/", 1)[1]
    cluster.server.psql(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )

    assert level_of(registry.load("homes")) == 1.0
    with pytest.raises(errors.RegisterAway):
        registry.load("others")


def test_register__a_name_with_other_signs__is_refused(registry):
    for name in ("", "a/b", "it's", "..", "a" * 201):
        with pytest.raises(errors.ModelUnknown):
            registry.register(name, forecast_of(1), FACTS)


@dataclass
class Foreign:
    """A dataclass of somebody else."""

    level: float


def test_artifact__a_class_that_is_not_ours__is_not_built_again(tmp_path):
    sha256 = artifact.write(Foreign(1.0), tmp_path / "m")

    with pytest.raises(errors.ArtifactDamaged):
        artifact.read(tmp_path / "m", sha256=sha256)
