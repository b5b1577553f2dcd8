# SPDX-License-Identifier: Apache-2.0
"""Batches: one result for each series, whatever stops them; the same on a Ray cluster."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ai_service.cli import main
from ai_service.forecasting.versions import Facts, Model, Version
from ai_service.training import batch, engines, files, fleet, shards, sources, trial
from tests.ai_service.training.houses import STEPS, make_houses, write_houses


@pytest.fixture(scope="module")
def trained() -> fleet.Fleet:
    """A small fleet model."""
    return trial.run(make_houses(), horizon_s=STEPS * 3600, days=7, rounds=10).trained


def facts(trained):
    return Facts(
        "data", "code", "fleet", datetime(2024, 3, 1, tzinfo=UTC), trained.step_s, trained.steps, {"mase": 0.5}
    )


def as_model(trained):
    return Model(Version("homes", 1, facts(trained), "sha", "place", datetime.now(UTC), None, None), trained)


def here(work, files):
    """The same shards in this process."""
    for shard in work:
        yield shard.number, shards.forecast(shard, files)


def table_of(path):
    return sources.Table(path, series_column="house", time_column="time", value_column="kwh")


def run(path, trained, folder, *, engine=here, shard=3):
    return batch.run(
        table_of(path),
        readings=files.file_hash(path),
        model=as_model(trained),
        engine=engine,
        folder=folder,
        shard=shard,
    )


def results(folder):
    return pd.concat(pd.read_parquet(part) for part in sorted(folder.glob("part-*.parquet")))


def test_run__some_houses_cannot_be_forecast__each_has_one_result_and_they_say_why(tmp_path, trained):
    path = write_houses(tmp_path / "in.parquet", 7, spoilt=(2,))

    done = run(path, trained, tmp_path / "out")

    found = results(tmp_path / "out")
    rows = found.groupby("series", observed=True).size()
    assert (done.series, done.forecast, done.refused) == (7, 6, 1)
    assert rows["h2"] == 1
    assert set(rows.drop("h2")) == {STEPS}
    assert found[found.series == "h2"].refused.item() == "series.all_zero"
    ordered = found[found.refused.isna()][["q05", "q25", "q50", "q75", "q95"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()


def test_run__a_house_alone__is_forecast_as_among_others(tmp_path, trained):
    path = write_houses(tmp_path / "in.parquet", 5)
    run(path, trained, tmp_path / "out")
    (rows,) = table_of(path).rows(3, 4)

    alone = trained.forecast(sources.on_grid(rows, 3600))

    together = results(tmp_path / "out").query("series == 'h3'").q50.to_numpy()
    assert together == pytest.approx(alone.quantiles[:, fleet.QUANTILES.index(0.5)])


def test_run__other_readings_in_the_same_folder__is_refused(tmp_path, trained):
    run(write_houses(tmp_path / "a.parquet", 3), trained, tmp_path / "out")

    with pytest.raises(batch.OtherBatch):
        run(write_houses(tmp_path / "b.parquet", 4), trained, tmp_path / "out")


def test_run__a_series_stands_in_two_parts__is_told(tmp_path, trained):
    path = write_houses(tmp_path / "in.parquet", 6)
    run(path, trained, tmp_path / "out")
    first, second = sorted((tmp_path / "out").glob("part-*.parquet"))
    second.write_bytes(first.read_bytes())

    with pytest.raises(batch.ResultsDisagree):
        run(path, trained, tmp_path / "out")


@pytest.mark.timeout(300)  # starts programs of its own, which a busy machine keeps waiting
def test_predict_batch__killed_and_started_again__goes_on_with_one_result_for_each_series(
    registry, models_url, folder, tmp_path, trained, monkeypatch
):
    registry.register("homes", trained, facts(trained))
    registry.promote("homes", 1)
    path, out = write_houses(tmp_path / "in.parquet", 30), tmp_path / "out"
    monkeypatch.setenv("GRIDX_AI_MODELS_URL", models_url)
    monkeypatch.setenv("GRIDX_AI_MODELS_FOLDER", str(folder))
    command = ["predict-batch", "homes", "--readings", str(path), "--out", str(out), "--shard", "1", "--workers", "1"]
    begun = [sys.executable, "-m", "ai_service.cli", *command]
    child = subprocess.Popen(begun, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(out.glob("part-*.parquet")):
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    kept = {part.name: part.stat().st_mtime_ns for part in out.glob("part-*.parquet")}

    done = CliRunner().invoke(main, command, catch_exceptions=False)

    said = json.loads(done.stdout.splitlines()[-1])
    assert 0 < len(kept) < 30
    assert said["computed"] == 30 - len(kept)
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert set(results(out).groupby("series", observed=True).size()) == {STEPS}
    assert results(out).series.nunique() == 30


@pytest.mark.slow
def test_run__on_a_ray_cluster_of_two_nodes__answers_as_here(tmp_path, trained, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    path = write_houses(tmp_path / "in.parquet", 8)
    run(path, trained, tmp_path / "here")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
        cluster.wait_for_nodes()

        done = run(path, trained, tmp_path / "ray", engine=engines.ray(cluster.address, 2))
    finally:
        cluster.shutdown()

    assert done.computed == 8
    assert results(tmp_path / "ray").equals(results(tmp_path / "here"))
