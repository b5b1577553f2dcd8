# SPDX-License-Identifier: Apache-2.0
"""`gridx-ai backtest` and `gridx-ai report`: claims about forecasts that anyone can check."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ai_service.errors import Refusal

if TYPE_CHECKING:
    from ai_service.forecasting.backtest import Result
    from ai_service.forecasting.data import Read, Source


@click.command()
@click.option("--csv", "path", type=click.Path(path_type=Path), required=True, help="File of one series; .gz works.")
@click.option("--time-column", required=True)
@click.option("--value-column", required=True)
@click.option("--series-column", default=None, help="Names the series of a row: several homes that learn together.")
@click.option("--covariates", default="", help="By comma; a 0/1 flag of whole days counts as holidays.")
@click.option("--resolution", default=None, help="1h, 30min, …; the readings' own unless given.")
@click.option("--horizon", type=int, default=24, show_default=True, help="Hours ahead.")
@click.option("--days", type=int, default=60, show_default=True, help="Origins, one a day, at the end of the series.")
@click.option("--skip-days", type=click.IntRange(0), default=0, help="Leave out so many days at the end of the series.")
@click.option("--timezone", default="UTC", show_default=True, help="Zone of times without offset, and of the calendar.")
@click.option("--region", default=None, help="Public holidays of US, AU-VIC, DE-NI, …")
@click.option("--total", is_flag=True, help="Values are energy: coarser steps are sums, not means.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 5000),
    default=400,
    show_default=True,
    help="Rounds of boosting; fewer are quicker.",
)
@click.option("--json", "as_json", is_flag=True, help="Only the last line, as JSON.")
def backtest(path: Path, series_column: str | None, horizon: int, as_json: bool, **options: Any) -> None:
    """Rolling-origin back-test of all models on one CSV file."""
    from ai_service.forecasting import backtest as engine
    from ai_service.forecasting import errors

    started = time.monotonic()
    try:
        if not 1 <= horizon <= engine.LONGEST_HORIZON_H:
            raise errors.HorizonInvalid(horizon_hours=horizon)
        settings = {"horizon_s": horizon * 3600, "days": options["days"], "rounds": options["rounds"]}
        if series_column is None:
            told = _alone(path, _source(options), options["skip_days"], settings, as_json)
        else:
            told = _together(path, _source(options), series_column, options["skip_days"], settings, as_json)
    except Refusal as refused:
        click.echo(json.dumps({"error": _refusal(refused)}))
        sys.exit(2)
    told["seconds"] = round(time.monotonic() - started, 1)
    click.echo(json.dumps(plain(told)))


def _source(options: dict[str, Any]) -> Source:
    from ai_service.forecasting import data

    return data.Source(
        options["time_column"],
        options["value_column"],
        covariates=tuple(name.strip() for name in options["covariates"].split(",") if name.strip()),
        resolution=options["resolution"],
        zone=options["timezone"],
        region=options["region"],
        total=options["total"],
    )


def _alone(path: Path, source: Source, skip_days: int, settings: dict[str, Any], quiet: bool) -> dict[str, Any]:
    from ai_service.forecasting import backtest as engine
    from ai_service.forecasting import data, report

    read = shortened(data.read_csv(path, source), skip_days)
    result = engine.run(read.series, findings=read.findings, **settings)
    told = report.as_json(result)
    if not quiet:
        _table(told)
    _leak_line(result)
    return told


def _together(
    path: Path, source: Source, column: str, skip_days: int, settings: dict[str, Any], quiet: bool
) -> dict[str, Any]:
    from ai_service.forecasting import data, many, report

    group = {name: shortened(read, skip_days) for name, read in data.read_group(path, source, column).items()}
    told: dict[str, Any] = {}
    for name, result in many.run(group, **settings):
        if isinstance(result, Refusal):
            told[name] = {"error": _refusal(result)}
            continue
        told[name] = report.as_json(result)
        click.echo(f"{name}: {result.chosen}, MASE {told[name]['models'][result.chosen]['mase']:.3f}")
        if not quiet:
            _table(told[name])
        _leak_line(result)
    return {"series": told, "mean": report.means([one for one in told.values() if "error" not in one])}


def shortened(read: Read, skip_days: int) -> Read:
    """Without its last days."""
    series = read.series
    return replace(read, series=series.head(max(0, len(series) - skip_days * series.per_day)))


def _refusal(refused: Refusal) -> dict[str, Any]:
    return {"code": refused.code, "message": refused.message, "details": refused.details}


def _leak_line(result: Result) -> None:
    state = "clean" if result.leaks.clean else "LOOK-AHEAD in " + ", ".join(result.leaks.found)
    click.echo(f"leak check: {state} ({len(result.leaks.asked)} parts, {result.leaks.origins} origins)")


def _table(told: dict[str, Any]) -> None:
    click.echo(f"{'model':22} {'MASE':>7} {'pinball':>10} {'50 %':>6} {'80 %':>6} {'90 %':>6}")
    for name, model in sorted(told["models"].items(), key=lambda item: item[1]["mase"]):
        mark = "*" if name == told["chosen"] else " "
        inside = " ".join(f"{model['coverage'][level]:6.3f}" for level in ("50", "80", "90"))
        click.echo(f"{mark}{name:21} {model['mase']:7.3f} {model['pinball']:10.4g} {inside}")


def plain(value: Any) -> Any:
    """JSON knows no NaN: it becomes null."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@click.command()
@click.option("--data", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("ai_service"), show_default=True)
@click.option("--days", multiple=True, type=click.IntRange(1), default=(60, 180), show_default=True, help="Origins.")
@click.option("--only", multiple=True, help="Names of sets; all unless given.")
@click.option("--rounds", type=click.IntRange(1, 5000), default=400, show_default=True)
@click.option("--again", is_flag=True, help="Run what the file of runs holds already, too.")
def report(folder: Path, out: Path, days: tuple[int, ...], only: tuple[str, ...], rounds: int, again: bool) -> None:
    """Back-test the public data sets and write MODELS.md with its charts; runs are kept and gone on with."""
    from ai_service.forecasting import measured, models_page, sets

    wanted = [one for one in sets.SETS if not only or one.name in only]
    unknown = set(only) - {one.name for one in sets.SETS}
    if unknown:
        known = ", ".join(one.name for one in sets.SETS)
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: known sets are {known}", param_hint="--only")
    runs = out / "models" / "runs.json"
    runs.parent.mkdir(parents=True, exist_ok=True)
    if again:
        gone = {f"{one.name}/" for one in wanted}
        kept = {key: told for key, told in measured.load(runs).items() if not key.startswith(tuple(gone))}
        measured.save(runs, kept)
    for one in wanted:
        for origins in sorted(set(days)):
            measured.measure(one, folder, days=origins, path=runs, rounds=rounds, say=click.echo)
    click.echo(str(models_page.write(out, measured.load(runs))))
