# SPDX-License-Identifier: Apache-2.0
"""Commands around the register of models: train, promote, rollback, models, predict-batch, drift, alerts.

The last line of each is JSON. What is refused is told as JSON too, with exit status 2.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ai_service.errors import Refusal

if TYPE_CHECKING:
    from ai_service.forecasting.types import Series
    from ai_service.forecasting.versions import Version
    from ai_service.training.plans import Entry
    from ai_service.training.settings import TrainingSettings

QUANTITIES = ("consumption", "production", "import", "export")
FILE = click.Path(path_type=Path, dir_okay=False)


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that tell how readings lie in a file."""
    for option in reversed(
        (
            click.option("--csv", type=FILE, help="Readings; .gz and .parquet work (.parquet with --series-column)."),
            click.option("--quantity", type=click.Choice(QUANTITIES), help="All houses of the backend instead."),
            click.option("--time-column", default="time", show_default=True),
            click.option("--value-column", default="kwh", show_default=True),
            click.option("--series-column", default=None, help="Names the house of a row."),
            click.option("--resolution", default=None, help="1h, 30min, …; the readings' own unless given."),
            click.option("--timezone", default="UTC", show_default=True, help="Zone of times without offset."),
            click.option("--region", default=None, help="Public holidays of US, AU-VIC, DE-NI, …"),
            click.option("--total", is_flag=True, help="Values are energy: coarser steps are sums, not means."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@reading_options
@click.option(
    "--horizon", "horizon_hours", type=click.IntRange(1, 168), default=24, show_default=True, help="Hours ahead."
)
@click.option(
    "--days", "test_days", type=click.IntRange(7, 365), default=28, show_default=True, help="Days of the back-test."
)
@click.option("--rounds", type=click.IntRange(1, 5000), default=None, help="Rounds of boosting.")
@click.option("--promote", "promoting", is_flag=True, help="Bring it into use if it is better than what is.")
def train(name: str, promoting: bool, **options: Any) -> None:
    """Back-test, train and register a version of NAME: of all houses of a file or of the backend, or of one series."""
    from ai_service.training import learning, plans
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        settings = TrainingSettings()
        registry = settings.registry()
        entry = _entry(name, options)
        houses = _readings(settings, entry)
        click.echo(f"training {name} on {len(houses)} series", err=True)
        version = plans.learn(registry, entry, houses)
        refused = None
        if promoting:
            try:
                version = learning.promote(
                    registry,
                    name,
                    version.number,
                    margin=settings.promotion_margin,
                    least_days=settings.promotion_days,
                )
            except Refusal as refusal:
                refused = told(refusal)
        say(_told(version) | ({"promotion": refused or "in use"} if promoting else {}))


@click.command()
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(1), default=None, help="The newest unless given.")
def promote(name: str, number: int | None) -> None:
    """Bring a version of NAME into use, if it is better than the one that is."""
    from ai_service.training import learning
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        settings = TrainingSettings()
        margin, days = settings.promotion_margin, settings.promotion_days
        say(_told(learning.promote(settings.registry(), name, number, margin=margin, least_days=days)))


@click.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Withdraw the version of NAME in use; the one before it comes back."""
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        say(_told(TrainingSettings().registry().roll_back(name)))


@click.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """What is registered, and which optional models take part."""
    from ai_service.forecasting import errors, optional
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        settings = TrainingSettings()
        registry = settings.registry()
        listed = []
        for each in registry.names() if name is None else [name]:
            try:
                used = registry.in_use(each).number
            except errors.ModelUnknown:
                used = None
            for version in registry.versions_of(each):
                listed.append(_told(version) | {"inUse": version.number == used})
        for one in listed:
            mark = "*" if one["inUse"] else " "
            click.echo(f"{mark}{one['model']}/{one['version']:<4} {one['chosen']:12} MASE {one['figures']['mase']:.3f}")
        beside = [asdict(each) for each in optional.listed()]
        for extra in beside:
            click.echo(f" {extra['name']}: {extra['skipped'] or 'takes part'}")
        say({"models": listed, "optional": beside})


@click.command("predict-batch")
@click.argument("name")
@click.option("--readings", "path", type=FILE, required=True, help="CSV or Parquet; times UTC or with an offset.")
@click.option("--series-column", default="house", show_default=True)
@click.option("--time-column", default="time", show_default=True)
@click.option("--value-column", default="kwh", show_default=True)
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes, or CPUs of Ray.")
@click.option("--ray-address", default=None, help="A Ray cluster that runs; without it one is started here.")
@click.option("--shard", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Series of one part.")
def predict_batch(name: str, path: Path, folder: Path, engine: str, workers: int, shard: int, **options: Any) -> None:
    """Forecast every series of a file with the model NAME; stopped, the same command goes on where it was."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ai_service.training import batch, engines, files, sources
    from ai_service.training.settings import TrainingSettings

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with refusals_told(), Progress(*columns, console=Console(stderr=True)) as bar:
        model = TrainingSettings().registry().load(name)
        task = bar.add_task(f"series by {model.version.label}", total=None)
        where = {each: options[each] for each in ("series_column", "time_column", "value_column")}
        table = sources.Table(path, **where)
        chosen = engines.local(workers) if engine == "local" else engines.ray(options["ray_address"], workers)
        done = batch.run(
            table,
            readings=files.file_hash(path),
            model=model,
            engine=chosen,
            folder=folder,
            shard=shard,
            progress=lambda count, total: bar.update(task, completed=count, total=total),
        )
    say({"model": model.version.label, **asdict(done), "seconds": round(done.seconds, 2), "rate": round(done.rate, 1)})


@click.command()
@click.argument("name")
@reading_options
def drift(name: str, **options: Any) -> None:
    """Compare the newest readings with those that NAME learned from; an alert when they moved."""
    from ai_service.training import watching
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        settings = TrainingSettings()
        houses = _readings(settings, _entry(name, options))
        verdict = watching.watch(settings.registry(), name, houses, settings.alerts())
        say(watching.as_json(name, verdict))


@click.command()
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True)
def alerts(count: int) -> None:
    """The newest alerts of the AI service: damaged models, drift."""
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        say({"alerts": TrainingSettings().alerts().newest(count)})


@contextmanager
def refusals_told() -> Iterator[None]:
    """A refusal becomes a line of JSON and exit status 2."""
    try:
        yield
    except Refusal as refused:
        say({"error": told(refused)})
        sys.exit(2)


def told(refused: Refusal) -> dict[str, Any]:
    """A refusal as the API tells it."""
    return {"code": refused.code, "message": refused.message, "details": refused.details}


def _entry(name: str, options: dict[str, Any]) -> Entry:
    """The options as an entry of a plan. Raises PlanUnreadable when they name no source, or two."""
    from pydantic import ValidationError

    from ai_service.training.plans import Entry, PlanUnreadable

    given = {key: value for key, value in options.items() if value is not None}
    try:
        return Entry.model_validate(given | {"name": name})
    except ValidationError as problem:
        raise PlanUnreadable(problem.errors()[0]["msg"]) from None


def _readings(settings: TrainingSettings, entry: Entry) -> dict[str, Series]:
    from ai_service.training import plans

    return asyncio.run(plans.readings(settings, entry, now=datetime.now(UTC)))


def _told(version: Version) -> dict[str, Any]:
    facts = version.facts
    return {
        "model": version.name,
        "version": version.number,
        "chosen": facts.chosen,
        "trainedUntil": facts.trained_until.isoformat(),
        "dataHash": facts.data_hash,
        "codeVersion": facts.code_version,
        "figures": facts.figures,
        "reference": facts.notes.get("reference"),
        "contest": facts.notes.get("contest"),
    }


def say(answer: dict[str, Any]) -> None:
    """The last line of a command."""
    click.echo(json.dumps(answer, default=str))


COMMANDS = (train, promote, rollback, models, predict_batch, drift, alerts)
