# SPDX-License-Identifier: Apache-2.0
"""The gridx-ai command: check a forecasting claim on any CSV file."""

from __future__ import annotations

import click

from ai_service.cli_backtest import backtest


@click.group()
def main() -> None:
    """Forecasts with honest intervals: back-test them on your own data."""


main.add_command(backtest)


if __name__ == "__main__":
    main()
