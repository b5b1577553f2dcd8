# SPDX-License-Identifier: Apache-2.0
"""`gridx reset`: throw the local chain and the database away, so that both begin anew together."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from scripts.runfile import FOLDER

PARTS = ("chain", "postgres", "redis", "models", "deployments", "beat-schedule", "run.json")


def wipe(folder: Path) -> list[str]:
    """Remove the data of a stopped stack, keeping secrets and logs; return what was removed."""
    gone = []
    for path in [folder / part for part in PARTS]:
        if path.is_symlink():
            shutil.rmtree(path.resolve(), ignore_errors=True)
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        gone.append(path.name)
    return gone


@click.command()
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def reset(yes: bool, folder: Path) -> None:
    """Throw the local chain and database away; secrets and logs stay."""
    import fcntl

    if not folder.exists():
        click.echo("nothing to reset")
        return
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise click.ClickException(f"a stack is running in {folder}: stop it first") from problem
        if not yes:
            click.confirm(f"All trades, users and the local chain in {folder} will be gone. Go on?", abort=True)
        gone = wipe(folder)
    click.echo(f"removed {', '.join(gone)}; the next start begins anew" if gone else "nothing to reset")
