# SPDX-License-Identifier: Apache-2.0
"""`gridx admin create`: the first super admin is made on the machine itself, never over HTTP."""

from __future__ import annotations

import click

from scripts.cli.asking import setting, told


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

    url = setting("GRIDX_DATABASE_SERVICE_URL")

    async def run() -> str:
        database = Database(url, pool_size=1)
        try:
            made = await create_super_admin(database, name=name, email=email, password=password, now=utc_now())
        finally:
            await database.close()
        return str(made)

    with told():
        click.echo(f"super admin {asyncio.run(run())} ({email})")
