# SPDX-License-Identifier: Apache-2.0
"""`gridx admin create`: the first super admin is made on the machine itself, never over HTTP."""

from __future__ import annotations

import click

from scripts.runfile import running_environment


@click.group()
def admin() -> None:
    """Administration that needs the machine's own access to the database."""


@admin.command()
@click.option("--email", required=True, help="address to sign in with")
@click.option("--name", required=True, help="name that others see")
@click.password_option(help="asked for when it is left out")
def create(email: str, name: str, password: str) -> None:
    """Make a super admin, or make the user with this e-mail address one."""
    import asyncio

    from backend.accounts.service import create_super_admin
    from backend.core.clock import utc_now
    from backend.core.db import Database
    from backend.core.errors import Refusal

    async def run() -> str:
        database = Database(running_environment()["GRIDX_DATABASE_SERVICE_URL"], pool_size=1)
        try:
            made = await create_super_admin(database, name=name, email=email, password=password, now=utc_now())
        finally:
            await database.close()
        return str(made)

    try:
        click.echo(f"super admin {asyncio.run(run())} ({email})")
    except Refusal as refusal:
        raise click.ClickException(str(refusal)) from refusal
    except (OSError, RuntimeError, KeyError) as problem:
        raise click.ClickException(f"{problem}") from problem
