# SPDX-License-Identifier: Apache-2.0
"""Files of models in an S3 store: a server of its own over HTTP, credentials from the usual variables."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ai_service.forecasting import artifact, errors, s3
from ai_service.forecasting.registry import Registry
from ai_service.training import backups, pruning
from tests.ai_service.training.versions import level_of, make_versions

ROOT = "s3://models/gridx"


@pytest.fixture(scope="module")
def server():
    """Address of an S3 server."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket; the environment lets the client in."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    yield client
    for each in client.list_objects_v2(Bucket="models").get("Contents", ()):
        client.delete_object(Bucket="models", Key=each["Key"])
    client.delete_bucket(Bucket="models")


@pytest.fixture
def registry(models_url, bucket):
    """A register whose files lie in the bucket."""
    return Registry(models_url, ROOT)


def keys(bucket):
    return [each["Key"] for each in bucket.list_objects_v2(Bucket="models").get("Contents", ())]


def test_load__another_process__finds_the_model_in_the_bucket_and_goes_back(registry, models_url, bucket):
    first, second = make_versions(registry, "homes", 2, used=(1, 2))

    fresh = Registry(models_url, ROOT)

    assert level_of(fresh.load("homes")) == 2
    assert {key.rsplit("/", 1)[0] for key in keys(bucket)} == {f"gridx/{each.place}" for each in (first, second)}
    assert second.source == f"{ROOT}/{second.place}"
    fresh.roll_back("homes")
    assert level_of(fresh.load("homes")) == 1


@pytest.mark.parametrize("gone", [True, False])
def test_load__files_in_the_bucket_are_damaged_or_gone__the_last_good_version_answers(
    registry, models_url, bucket, gone
):
    _, second = make_versions(registry, "homes", 2, used=(1, 2))
    for key in [key for key in keys(bucket) if second.place in key]:
        if gone:
            bucket.delete_object(Bucket="models", Key=key)
        elif key.endswith(artifact.ARRAYS):
            bucket.put_object(Bucket="models", Key=key, Body=b"other bytes")

    answered = Registry(models_url, ROOT).load("homes")

    assert (answered.version.number, answered.fallback_for, level_of(answered)) == (1, 2, 1)


def test_prune__versions_in_a_bucket__go_with_their_objects(registry, bucket):
    made = make_versions(registry, "homes", 4, used=(1, 2))
    bucket.put_object(Bucket="models", Key=f"gridx/homes/{'0' * 32}/model.json", Body=b"{}")
    bucket.put_object(Bucket="models", Key="gridx/homes/notes.txt", Body=b"of somebody else")

    done = pruning.prune(registry, keep=1, now=datetime.now(UTC) + timedelta(days=2))

    places = {"/".join(key.split("/")[1:3]) for key in keys(bucket)}
    assert (done.versions, done.nameless) == (("homes/3",), (f"homes/{'0' * 32}",))
    assert places == {each.place for each in made if each.number != 3} | {"homes/notes.txt"}


def test_restore__a_folder_was_backed_up__its_files_go_into_the_bucket(
    registry, models_url, folder, lose, tmp_path, bucket
):
    make_versions(Registry(models_url, folder), "homes", 1, used=(1,))
    backups.back_up(Registry(models_url, folder), tmp_path / "copy")
    lose()

    backups.restore(registry, tmp_path / "copy")

    assert level_of(registry.load("homes")) == 1
    assert backups.back_up(registry, tmp_path / "again").told(tmp_path / "again")["damaged"] == []


def test_load__the_store_does_not_answer__is_refused_in_time_and_what_is_in_memory_goes_on(
    registry, models_url, bucket, monkeypatch
):
    make_versions(registry, "homes", 1, used=(1,))
    registry.load("homes")
    monkeypatch.setattr(s3, "READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent.getsockname()[1]}")
        fresh = Registry(models_url, ROOT)

        with pytest.raises(errors.ObjectStoreAway):
            fresh.load("homes")

        assert level_of(registry.load("homes")) == 1


def test_register__nobody_is_let_in__says_that_credentials_are_missing(models_url, bucket, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(errors.ObjectStoreAway, match="NoCredentials"):
        make_versions(Registry(models_url, ROOT), "homes", 1)


@pytest.mark.parametrize("root", ["s3:///prefix", "gs://bucket/models"])
def test_registry__an_address_of_no_store__is_refused_by_name(root, models_url):
    with pytest.raises(errors.StoreUnknown):
        Registry(models_url, root)
