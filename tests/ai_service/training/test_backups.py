# SPDX-License-Identifier: Apache-2.0
"""Backup and restore of the register: the same versions with the same hashes answer, wherever files lie afterwards."""

from __future__ import annotations

import shutil

import pytest

from ai_service.forecasting import artifact, database, errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.stores import local_path
from ai_service.training import backups, pruning
from tests.ai_service.training.versions import FACTS, forecast_of, level_of, make_versions


@pytest.fixture
def copy(tmp_path):
    """Where the backup goes."""
    return tmp_path / "backup"


@pytest.fixture
def lost(lose, models_url, folder):
    """Loses database and files; answers a register on what is left."""

    def taken():
        lose()
        return Registry(models_url, folder)

    return taken


def test_restore__database_and_files_were_lost__the_same_versions_answer_with_the_same_hashes(registry, copy, lost):
    make_versions(registry, "homes", 2, used=(1, 2))
    make_versions(registry, "city-a", 1)
    known = {each.label: (each.sha256, each.facts) for each in registry.versions_of("homes")}
    made = backups.back_up(registry, copy)
    fresh = lost()

    assert backups.restore(fresh, copy) == made

    answered = fresh.load("homes")
    assert (answered.version.label, level_of(answered), answered.fallback_for) == ("homes/2", 2, None)
    assert {each.label: (each.sha256, each.facts) for each in fresh.versions_of("homes")} == known
    assert fresh.all_in_use() == {"homes": 2}
    assert fresh.roll_back("homes").number == 1
    assert fresh.register("homes", forecast_of(3), FACTS).number == 3


def test_restore__another_server_without_tables_and_another_folder__files_are_found_there(
    registry, copy, tmp_path, cluster, folder
):
    make_versions(registry, "homes", 1, used=(1,))
    backups.back_up(registry, copy)
    shutil.rmtree(folder)
    cluster.server.psql("CREATE DATABASE models_elsewhere OWNER gridx_models")
    fresh = Registry(cluster.server.url("models", "models_elsewhere"), tmp_path / "other")

    backups.restore(fresh, copy)

    assert level_of(fresh.load("homes")) == 1
    assert local_path(fresh.version("homes", 1).source).parent == tmp_path / "other" / "homes"
    assert pruning.prune(fresh, keep=1, now=fresh.version("homes", 1).registered_at).kept == 1


def test_restore__the_register_holds_models__is_refused_and_changes_nothing(registry, copy):
    make_versions(registry, "homes", 1, used=(1,))
    backups.back_up(registry, copy)
    make_versions(registry, "homes", 1)

    with pytest.raises(backups.RegisterNotEmpty):
        backups.restore(registry, copy)

    assert [each.number for each in registry.versions_of("homes")] == [2, 1]


@pytest.mark.parametrize("spoilt", ["register.dump", "backup.json", "files"])
def test_restore__a_part_of_the_backup_is_not_what_was_written__is_refused(registry, copy, lost, spoilt):
    (version,) = make_versions(registry, "homes", 1, used=(1,))
    backups.back_up(registry, copy)
    path = copy / "files" / version.place / artifact.ARRAYS if spoilt == "files" else copy / spoilt
    path.write_bytes(path.read_bytes()[:-1])
    fresh = lost()

    with pytest.raises(backups.BackupDamaged):
        backups.restore(fresh, copy)

    assert fresh.names() == []


def test_restore__a_version_of_the_backup_lies_outside_the_store__is_refused(registry, copy, lost):
    (version,) = make_versions(registry, "homes", 1, used=(1,))
    backups.back_up(registry, copy)
    outside = f"../{version.place.split('/')[1]}"
    told = copy / "backup.json"
    told.write_text(told.read_text().replace(version.place, outside))

    with pytest.raises(backups.BackupDamaged, match="where none is ever put"):
        backups.restore(lost(), copy)


def test_back_up__files_of_one_version_are_damaged__the_others_are_kept_and_it_is_told(registry, copy, lost):
    first, second = make_versions(registry, "homes", 2, used=(1, 2))
    shutil.rmtree(local_path(second.source))

    told = backups.back_up(registry, copy).told(copy)

    assert (told["versions"], told["damaged"]) == (2, ["homes/2"])
    fresh = lost()
    backups.restore(fresh, copy)
    answered = fresh.load("homes")
    assert (answered.version.number, answered.fallback_for) == (first.number, 2)


def test_back_up__the_folder_holds_something__is_refused(registry, copy):
    backups.back_up(registry, copy)

    with pytest.raises(backups.FolderNotEmpty):
        backups.back_up(registry, copy)


def test_back_up__versions_are_being_removed__is_refused_after_a_while(registry, copy, monkeypatch):
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 0.1)

    with database.held(registry.url, alone=True), pytest.raises(errors.RegisterBusy):
        backups.back_up(registry, copy)
