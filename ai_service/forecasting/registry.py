# SPDX-License-Identifier: Apache-2.0
"""The register of models: every version that was trained, which one is in use, and the models themselves in memory.

MLflow keeps names, versions, tags, figures and the alias of the version in use, in a database of its own; files lie in
a folder or an object store. A version is registered only when its files are complete, and comes into use by one write
of its alias: training that is killed half-way leaves the version in use untouched.

    registry = Registry(url, folder)
    model = registry.load("homes-3600s-24h")      # from memory; files are read once
    model.version.number, model.version.data_hash, model.version.code_version

`load` compares the files with the hash that was registered. A damaged version raises an alert and the last good one
that had been in use takes its place. Every method may block on the database: call it from a thread, not an event loop.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from prometheus_client import Counter, Gauge

from ai_service.alerts import Alerts
from ai_service.forecasting import artifact, errors, stores, versions
from ai_service.forecasting.versions import Facts, Model, Version

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = structlog.get_logger()

IN_USE = "in-use"
HELD = 64
LOOKED_UP_S = 15.0
LISTED = 1_000
HELD_MODELS = Gauge("gridx_ai_models_held", "Models in memory")
LOADS = Counter("gridx_ai_model_loads_total", "Models asked for, by where they came from", ("source",))


class Registry:
    """See the module. `url` is MLflow's address of the database, `root` a folder or an object store (`s3://…`)."""

    def __init__(self, url: str, root: str | Path, *, held: int = HELD, alerts: Alerts | None = None) -> None:
        self._url = stores.address(url)
        self._root = stores.root(root)
        self._held: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._most = held
        self._alerts = alerts or Alerts()
        self._in_use: dict[str, tuple[float, Version]] = {}
        self._damaged: set[tuple[str, int]] = set()
        self._lock = threading.RLock()
        self._client: MlflowClient | None = None

    # -- what is registered ------------------------------------------------------------------------------------------

    def register(self, name: str, trained: Any, facts: Facts) -> Version:
        """Store a trained model as the next version of `name`; it is not in use yet."""
        with self._asked() as client, tempfile.TemporaryDirectory(prefix="gridx-model-") as scratch:
            folder = Path(scratch) / "model"
            sha256 = artifact.write(trained, folder)
            source = f"{self._root}/{name}/{uuid4().hex}"
            stores.store(folder, source)
            experiment = self._experiment(client)
            run = client.create_run(experiment, run_name=name)
            for figure, value in facts.figures.items():
                client.log_metric(run.info.run_id, figure, value)
            client.set_terminated(run.info.run_id)
            self._name(client, name)
            made = client.create_model_version(
                name, source=source, run_id=run.info.run_id, tags={"sha256": sha256, "facts": versions.packed(facts)}
            )
            return versions.of_mlflow(made)

    def names(self) -> list[str]:
        """Names of models, in order."""
        with self._asked() as client:
            return sorted(each.name for each in client.search_registered_models(max_results=LISTED))

    def versions_of(self, name: str) -> list[Version]:
        """All versions of a model, newest first."""
        with self._asked() as client:
            found = client.search_model_versions(f"name = '{_safe(name)}'", max_results=LISTED)
            return sorted((versions.of_mlflow(each) for each in found), key=lambda version: -version.number)

    def version(self, name: str, number: int) -> Version:
        """One version. Raises VersionUnknown."""
        for each in self.versions_of(name):
            if each.number == number:
                return each
        raise errors.VersionUnknown(model=name, version=number)

    def in_use(self, name: str) -> Version:
        """The version in use, looked up anew every LOOKED_UP_S. Raises ModelUnknown, RegisterAway."""
        known = self._in_use.get(name)
        if known is not None and monotonic() < known[0]:
            return known[1]
        try:
            found = self._look_up(name)
        except errors.RegisterAway as away:
            if known is None:
                raise
            log.warning("registry.away", model=name, error=away.message)
            found = known[1]
        self._in_use[name] = (monotonic() + LOOKED_UP_S, found)
        return found

    def forget(self) -> None:
        """Look everything up anew: what is in use, and files that were damaged."""
        with self._lock:
            self._in_use.clear()
            self._damaged.clear()
            self._held.clear()
            HELD_MODELS.set(0)

    # -- what is in use ----------------------------------------------------------------------------------------------

    def promote(self, name: str, number: int) -> Version:
        """Bring a version into use, once its files proved readable. Whether it should be is judged in training/."""
        chosen = self.version(name, number)
        stores.read(chosen.source, sha256=chosen.sha256)
        with self._asked() as client:
            client.set_model_version_tag(name, str(number), "promotedAt", _now())
            client.delete_model_version_tag(name, str(number), "withdrawnAt")
            client.set_registered_model_alias(name, IN_USE, str(number))
        self._in_use.pop(name, None)
        log.info("registry.promoted", model=name, version=number)
        return self.in_use(name)

    def roll_back(self, name: str) -> Version:
        """Withdraw the version in use; the one before it comes back. Raises ModelUnknown, NothingToRollBackTo."""
        current = self._look_up(name)
        earlier = [each for each in self._once_in_use(name) if each.number != current.number]
        if not earlier:
            raise errors.NothingToRollBackTo(model=name, version=current.number)
        with self._asked() as client:
            client.set_registered_model_alias(name, IN_USE, str(earlier[0].number))
            client.set_model_version_tag(name, str(current.number), "withdrawnAt", _now())
        self._in_use.pop(name, None)
        log.warning("registry.rolled_back", model=name, withdrawn=current.number, version=earlier[0].number)
        return self.in_use(name)

    def load(self, name: str) -> Model:
        """The model in use, from memory where possible. Raises ModelUnknown, RegisterAway, ArtifactDamaged."""
        current = self.in_use(name)
        with self._lock:
            try:
                return self._load(current)
            except errors.ArtifactDamaged as damaged:
                return self._last_good(current, damaged)

    def load_version(self, name: str, number: int) -> Model:
        """One version, in use or not. Raises VersionUnknown, ArtifactDamaged."""
        with self._lock:
            model = self._load(self.version(name, number))
        if model.fallback_for is not None:
            raise errors.ArtifactDamaged(model=name, version=number)
        return model

    # -- inside ------------------------------------------------------------------------------------------------------

    def _load(self, version: Version) -> Model:
        key = (version.name, version.number)
        model = self._held.get(key)
        if model is not None:
            self._held.move_to_end(key)
            LOADS.labels("memory").inc()
            return model
        if key in self._damaged:
            raise errors.ArtifactDamaged(model=version.name, version=version.number)
        try:
            trained = stores.read(version.source, sha256=version.sha256)
        except errors.ArtifactDamaged as damaged:
            self._damaged.add(key)
            self._alerts.tell(damaged.code, model=version.name, version=version.number, problem=damaged.message)
            raise
        LOADS.labels("files").inc()
        return self._hold(key, Model(version, trained))

    def _hold(self, key: tuple[str, int], model: Model) -> Model:
        self._held[key] = model
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        HELD_MODELS.set(len(self._held))
        return model

    def _last_good(self, current: Version, damaged: errors.ArtifactDamaged) -> Model:
        for earlier in self._once_in_use(current.name):
            if earlier.number == current.number:
                continue
            try:
                model = self._load(earlier)
            except errors.ArtifactDamaged:
                continue
            instead = Model(model.version, model.trained, fallback_for=current.number)
            return self._hold((current.name, current.number), instead)
        raise damaged

    def _once_in_use(self, name: str) -> list[Version]:
        """Versions that were in use and not withdrawn, the latest first."""
        been = [each for each in self.versions_of(name) if each.promoted_at and not each.withdrawn_at]
        return sorted(been, key=lambda each: each.promoted_at or "", reverse=True)

    def _look_up(self, name: str) -> Version:
        from mlflow.exceptions import MlflowException

        with self._asked() as client:
            try:
                return versions.of_mlflow(client.get_model_version_by_alias(name, IN_USE))
            except MlflowException as problem:
                if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise errors.ModelUnknown(model=name) from None
                raise

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name("forecasting")
        return str(found.experiment_id if found else client.create_experiment("forecasting", self._root))

    def _name(self, client: MlflowClient, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(_safe(name))
        except MlflowException as problem:
            if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @contextmanager
    def _asked(self) -> Iterator[MlflowClient]:
        """The client; a database that does not answer becomes RegisterAway."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._lock:
                if self._client is None:
                    self._client = stores.connect(self._url)
            yield self._client
        except SQLAlchemyError as problem:
            raise errors.RegisterAway(str(problem).splitlines()[0]) from problem
        except MlflowException as problem:
            if problem.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"):
                raise errors.RegisterAway(problem.message.splitlines()[0]) from problem
            raise


def _safe(name: str) -> str:
    """MLflow's names know neither `/` nor `:`, and quotes would leave the filter. Raises ModelUnknown."""
    if not name or any(not (sign.isalnum() or sign in "-_.") for sign in name) or len(name) > 200:
        raise errors.ModelUnknown("Names of models hold letters, digits, `-`, `_` and `.`", model=name)
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat()
