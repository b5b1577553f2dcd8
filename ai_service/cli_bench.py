# SPDX-License-Identifier: Apache-2.0
"""`gridx-ai bench`: the benchmark of forecasts, which starts a backend of its own and so lives beside the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure cold and cached answers and the rate of batches, on this machine."""
    if not (ROOT / "tests" / "bench" / "ai.py").exists():
        raise click.ClickException("the benchmark needs the repository: tests/bench/ai.py is not here")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    os.execve(sys.executable, [sys.executable, "-m", "tests.bench.ai", *arguments], environment)  # noqa: S606
