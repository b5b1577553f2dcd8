# SPDX-License-Identifier: Apache-2.0
"""The gridx-ai command: check a forecasting claim on any CSV file."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import click

from ai_service.errors import Refusal
from ai_service.forecasting.errors import HorizonInvalid


@click.group()
def main() -> None:
    """Forecasts with honest intervals: back-test them on your own data."""


@main.command()
@click.option("--csv", "path", type=click.Path(path_type=Path), required=True, help="File with one series; .gz works.")
@click.option("--time-column", required=True)
@click.option("--value-column", required=True)
@click.option("--covariates", default="", help="By comma; a 0/1 flag of whole days counts as holidays.")
@click.option("--resolution", default=None, help="1h, 30min, …; the readings' own unless given.")
@click.option("--horizon", type=int, default=24, show_default=True, help="Hours ahead.")
@click.option("--days", type=int, default=60, show_default=True, help="Origins, one a day, at the end of the series.")
@click.option("--timezone", default="UTC", show_default=True, help="Zone of times without offset, and of the calendar.")
@click.option("--region", default=None, help="Public holidays of US, AU-VIC, DE-NI, …")
@click.option("--total", is_flag=True, help="Values are energy: coarser steps are sums, not means.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 5000),
    default=300,
    show_default=True,
    help="Rounds of boosting; fewer are quicker.",
)
@click.option("--json", "as_json", is_flag=True, help="Only the last line, as JSON.")
def backtest(path: Path, covariates: str, as_json: bool, horizon: int, days: int, **options: Any) -> None:
    """Rolling-origin back-test of all models on one CSV file."""
    from ai_service.forecasting import backtest as engine
    from ai_service.forecasting import data, report

    started = time.monotonic()
    try:
        if not 1 <= horizon <= engine.LONGEST_HORIZON_H:
            raise HorizonInvalid(horizon_hours=horizon)
        columns = tuple(name.strip() for name in covariates.split(",") if name.strip())
        source = data.Source(
            options["time_column"],
            options["value_column"],
            covariates=columns,
            resolution=options["resolution"],
            zone=options["timezone"],
            region=options["region"],
            total=options["total"],
        )
        read = data.read_csv(path, source)
        rounds = options["rounds"]
        result = engine.run(read.series, horizon_s=horizon * 3600, days=days, findings=read.findings, rounds=rounds)
    except Refusal as refused:
        click.echo(
            json.dumps({"error": {"code": refused.code, "message": refused.message, "details": refused.details}})
        )
        sys.exit(2)
    told = report.as_json(result)
    told["seconds"] = round(time.monotonic() - started, 1)
    if not as_json:
        _table(told)
    state = "clean" if result.leaks.clean else "LOOK-AHEAD in " + ", ".join(result.leaks.found)
    click.echo(f"leak check: {state} ({len(result.leaks.asked)} parts, {result.leaks.origins} origins)")
    click.echo(json.dumps(_plain(told)))


def _table(told: dict[str, Any]) -> None:
    click.echo(f"{'model':22} {'MASE':>7} {'pinball':>10} {'50 %':>6} {'80 %':>6} {'90 %':>6}")
    for name, model in sorted(told["models"].items(), key=lambda item: item[1]["mase"]):
        mark = "*" if name == told["chosen"] else " "
        inside = " ".join(f"{model['coverage'][level]:6.3f}" for level in ("50", "80", "90"))
        click.echo(f"{mark}{name:21} {model['mase']:7.3f} {model['pinball']:10.4g} {inside}")


def _plain(value: Any) -> Any:
    """JSON knows no NaN: it becomes null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
