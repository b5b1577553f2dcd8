# SPDX-License-Identifier: Apache-2.0
"""How commands ask the running stack: its settings, and in a line what keeps them from an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from scripts import runfile
from scripts.embedded.process import ProcessFailed


def setting(name: str) -> str:
    """A setting of the running stack, or of the environment. Raises click.ClickException without one."""
    try:
        value = runfile.running_environment().get(name)
    except ProcessFailed as problem:
        raise click.ClickException(str(problem)) from problem
    if not value:
        raise click.ClickException(f"{name} is not set")
    return value


@contextmanager
def told() -> Iterator[None]:
    """Raise click.ClickException where the database is away or declines, or the request is refused."""
    import asyncpg
    from sqlalchemy.exc import SQLAlchemyError

    from backend.core.errors import Refusal

    try:
        yield
    except (Refusal, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError) as problem:
        raise click.ClickException(str(problem) or type(problem).__name__) from problem
