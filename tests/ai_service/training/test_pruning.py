# SPDX-License-Identifier: Apache-2.0
"""Pruning: what is in use, what roll-back returns to and the newest stay; the rest goes with its files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from ai_service.forecasting import database, errors
from ai_service.forecasting.stores import local_path, new_place
from ai_service.training import pruning
from tests.ai_service.training.versions import FACTS, forecast_of, level_of, make_versions

NOW = datetime.now(UTC)


def numbers(registry, name="homes"):
    return [version.number for version in registry.versions_of(name)]


def make_files(folder, name, *, age):
    """Files that no version names, last touched `age` ago."""
    path = folder / new_place(name)
    path.mkdir(parents=True)
    (path / "model.json").write_text("{}")
    then = (NOW - age).timestamp()
    os.utime(path, (then, then))
    return path


def test_prune__many_versions__keeps_the_one_in_use_those_before_it_and_the_newest(registry):
    made = make_versions(registry, "homes", 9, used=(1, 2, 4, 5))

    done = pruning.prune(registry, keep=2, now=NOW)

    assert numbers(registry) == [9, 8, 5, 4, 2]
    assert done.versions == ("homes/7", "homes/6", "homes/3", "homes/1")
    assert [local_path(each.source).exists() for each in made] == [n in (2, 4, 5, 8, 9) for n in range(1, 10)]
    assert level_of(registry.load("homes")) == 5


def test_prune__then_roll_back__finds_the_version_before_and_its_files(registry):
    make_versions(registry, "homes", 6, used=(1, 2, 3))
    pruning.prune(registry, keep=1, now=NOW)

    back = registry.roll_back("homes")

    assert (back.number, level_of(registry.load("homes"))) == (2, 2)
    assert numbers(registry) == [6, 3, 2]


def test_prune__after_it_another_is_trained__takes_a_number_that_was_never_used(registry):
    make_versions(registry, "homes", 4, used=(1,))
    pruning.prune(registry, keep=1, now=NOW)
    registry.remove(registry.version("homes", 4))

    assert registry.register("homes", forecast_of(5), FACTS).number == 5


def test_prune__withdrawn_version__is_none_that_roll_back_returns_to(registry):
    make_versions(registry, "homes", 4, used=(1, 2, 3))
    registry.roll_back("homes")

    pruning.prune(registry, keep=1, now=NOW)

    assert numbers(registry) == [4, 2, 1]


def test_prune__files_of_no_version__go_when_they_are_a_day_old_and_ours(registry, folder):
    make_versions(registry, "homes", 1)
    old = make_files(folder, "homes", age=timedelta(days=2))
    young = make_files(folder, "homes", age=timedelta(hours=2))
    unknown = make_files(folder, "of-another-register", age=timedelta(days=2))
    foreign = folder / "homes" / "notes"
    foreign.mkdir()
    os.utime(foreign, (0, 0))

    done = pruning.prune(registry, keep=1, now=NOW)

    assert done.nameless == (f"homes/{old.name}",)
    assert [path.exists() for path in (old, young, unknown, foreign)] == [False, True, True, True]


def test_prune__somebody_copies_the_register__is_refused_and_removes_nothing(registry):
    make_versions(registry, "homes", 3)

    with database.held(registry.url, alone=False), pytest.raises(errors.RegisterBusy):
        pruning.prune(registry, keep=1, now=NOW)

    assert numbers(registry) == [3, 2, 1]


def test_promote__versions_are_being_removed__is_refused_after_a_while(registry, monkeypatch):
    make_versions(registry, "homes", 1)
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 0.1)

    with database.held(registry.url, alone=True), pytest.raises(errors.RegisterBusy):
        registry.promote("homes", 1)


def test_remove__the_version_in_use__is_refused(registry):
    (version,) = make_versions(registry, "homes", 1, used=(1,))

    with pytest.raises(errors.VersionKept):
        registry.remove(version)
