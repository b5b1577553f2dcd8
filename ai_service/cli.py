# SPDX-License-Identifier: Apache-2.0
"""The gridx-ai command: check a forecasting claim on any CSV file; train, promote and watch models."""

from __future__ import annotations

import click

from ai_service import cli_models, cli_register
from ai_service.cli_backtest import backtest, report
from ai_service.cli_bench import bench


@click.group()
def main() -> None:
    """Forecasts with honest intervals: back-test them on your own data, train models, forecast many houses."""


main.add_command(backtest)
main.add_command(report)
for command in (*cli_models.COMMANDS, *cli_register.COMMANDS, bench):
    main.add_command(command)


if __name__ == "__main__":
    main()
