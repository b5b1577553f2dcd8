# SPDX-License-Identifier: Apache-2.0
"""Commands that keep the register of models: prune, backup-models, restore-models. The last line of each is JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

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


FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("backup-models")
@click.argument("folder", type=FOLDER)
def backup_models(folder: Path) -> None:
    """Copy the register's database and files into an empty FOLDER."""
    from ai_service.training import backups
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        say(backups.back_up(TrainingSettings().registry(), folder).told(folder))


@click.command("restore-models")
@click.argument("folder", type=FOLDER)
def restore_models(folder: Path) -> None:
    """Bring a register without models to what FOLDER holds; it may keep its files elsewhere than the one backed up."""
    from ai_service.training import backups
    from ai_service.training.settings import TrainingSettings

    with refusals_told():
        registry = TrainingSettings().registry()
        told = backups.restore(registry, folder).told(folder)
        say(told | {"inUse": registry.all_in_use()})


COMMANDS = (prune, backup_models, restore_models)
