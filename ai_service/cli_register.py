# SPDX-License-Identifier: Apache-2.0
"""Commands that keep the register of models in order: prune. The last line of each is JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from ai_service.cli_models import refusals_told, say


@click.command()
@click.option("--keep", type=click.IntRange(1), default=None, help="GRIDX_AI_MODELS_KEPT unless given.")
def prune(keep: int | None) -> None:
    """Remove versions that are neither in use nor among the last before it, and files that no version names."""
    from ai_service.training import pruning
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        settings = TrainingSettings()
        say(asdict(pruning.prune(settings.registry(), keep=keep or settings.models_kept, now=datetime.now(UTC))))


COMMANDS = (prune,)
