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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Gauge

from ai_service.alerts import Alerts
from ai_service.forecasting import artifact, database, errors, stores, versions
from ai_service.forecasting.versions import Facts, Model, Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

log = structlog.get_logger()

IN_USE = "in-use"
HELD = 64
LOOKED_UP_S = 15.0
LISTED = 1_000
HELD_MODELS = Gauge("gridx_ai_models_held", "Models in memory")
LOADS = Counter("gridx_ai_model_loads_total", "Models asked for, by where they came from", ("source",))


class Registry:
    """See the module. `url` is the address of the database, `root` where files lie: see stores.opened.

    `url` (driver named) and `store` are for those that copy the whole register.
    """

    def __init__(self, url: str, root: str | Path, *, held: int = HELD, alerts: Alerts | None = None) -> None:
        self.url = database.address(url)
        self.store = stores.opened(root)
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
            place = stores.new_place(_safe(name))
            self.store.put(folder, place)
            experiment = self._experiment(client)
            run = client.create_run(experiment, run_name=name)
            for figure, value in facts.figures.items():
                client.log_metric(run.info.run_id, figure, value)
            client.set_terminated(run.info.run_id)
            self._name(client, name)
            told = {"sha256": sha256, "facts": versions.packed(facts)}
            source = f"{self.store.root}/{place}"
            made = client.create_model_version(name, source=source, run_id=run.info.run_id, tags=told)
            return self._version(made)

    def names(self) -> list[str]:
        """Names of models, in order."""
        with self._asked() as client:
            return sorted(each.name for each in _every(client.search_registered_models))

    def versions_of(self, name: str) -> list[Version]:
        """All versions of a model, newest first."""
        mine = f"name = '{_safe(name)}'"
        with self._asked() as client:
            found = _every(client.search_model_versions, filter_string=mine, order_by=["version_number ASC"])
            return [self._version(each) for each in found][::-1]

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
            found = self.looked_up(name)
        except errors.RegisterAway as away:
            if known is None:
                raise
            log.warning("registry.away", model=name, error=away.message)
            found = known[1]
        self._in_use[name] = (monotonic() + LOOKED_UP_S, found)
        return found

    def looked_up(self, name: str) -> Version:
        """The version in use as the register has it now. Raises ModelUnknown, RegisterAway."""
        from mlflow.exceptions import MlflowException

        with self._asked() as client:
            try:
                return self._version(client.get_model_version_by_alias(name, IN_USE))
            except MlflowException as problem:
                if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise errors.ModelUnknown(model=name) from None
                raise

    def all_in_use(self) -> dict[str, int]:
        """Number of the version in use by name, of names that have one, as the register has it now."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.looked_up(name).number
            except errors.ModelUnknown:
                continue
        return found

    def once_in_use(self, name: str) -> list[Version]:
        """Versions that were in use and not withdrawn, the latest first."""
        been = [each for each in self.versions_of(name) if each.promoted_at and not each.withdrawn_at]
        return sorted(been, key=lambda each: each.promoted_at or "", reverse=True)

    def remove(self, version: Version) -> None:
        """Remove a version for ever, its files last. Raises VersionKept for the one in use.

        Whoever removes holds the register alone: `with database.held(registry.url, alone=True)`.
        """
        try:
            current: Version | None = self.looked_up(version.name)
        except errors.ModelUnknown:
            current = None
        if current is not None and current.number == version.number:
            raise errors.VersionKept(model=version.name, version=version.number)
        with self._asked() as client:
            run = client.get_model_version(version.name, str(version.number)).run_id
            client.delete_model_version(version.name, str(version.number))
            if run is not None:
                client.delete_run(run)
        self.store.remove(version.place)
        log.info("registry.removed", model=version.name, version=version.number)

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
        with self._asked() as client, database.held(self.url, alone=False):
            chosen = self.version(name, number)
            stores.read(self.store, chosen.place, sha256=chosen.sha256)
            client.set_model_version_tag(name, str(number), "promotedAt", _now())
            client.delete_model_version_tag(name, str(number), "withdrawnAt")
            client.set_registered_model_alias(name, IN_USE, str(number))
        self._in_use.pop(name, None)
        log.info("registry.promoted", model=name, version=number)
        return self.in_use(name)

    def roll_back(self, name: str) -> Version:
        """Withdraw the version in use; the one before it comes back. Raises ModelUnknown, NothingToRollBackTo."""
        with self._asked() as client, database.held(self.url, alone=False):
            current = self.looked_up(name)
            earlier = [each for each in self.once_in_use(name) if each.number != current.number]
            if not earlier:
                raise errors.NothingToRollBackTo(model=name, version=current.number)
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
            trained = stores.read(self.store, version.place, sha256=version.sha256)
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
        for earlier in self.once_in_use(current.name):
            if earlier.number == current.number:
                continue
            try:
                model = self._load(earlier)
            except errors.ArtifactDamaged:
                continue
            instead = Model(model.version, model.trained, fallback_for=current.number)
            return self._hold((current.name, current.number), instead)
        raise damaged

    def _version(self, found: ModelVersion) -> Version:
        return versions.of_mlflow(found, root=self.store.root)

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name("forecasting")
        return str(found.experiment_id if found else client.create_experiment("forecasting", self.store.root))

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
                    self._client = database.connect(self.url)
            yield self._client
        except SQLAlchemyError as problem:
            raise errors.RegisterAway(str(problem).splitlines()[0]) from problem
        except MlflowException as problem:
            if problem.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"):
                raise errors.RegisterAway(problem.message.splitlines()[0]) from problem
            raise


def _every(search: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    """All that a search of MLflow finds, page by page."""
    token = None
    while True:
        page = search(**asked, max_results=LISTED, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _safe(name: str) -> str:
    """MLflow's names know neither `/` nor `:`, quotes would leave the filter, `..` the folder. Raises ModelUnknown."""
    if (
        not name
        or name.startswith(".")
        or any(not (sign.isalnum() or sign in "-_.") for sign in name)
        or len(name) > 200
    ):
        raise errors.ModelUnknown("Names of models hold letters, digits, `-`, `_` and, not first, `.`", model=name)
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat()
