# SPDX-License-Identifier: Apache-2.0
"""`gridx events`: what happens in the market, as it happens, a line of JSON each."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress

import click

from scripts.embedded.process import ProcessFailed
from scripts.live_events import Refused, follow
from scripts.runfile import running_environment


@click.command()
@click.option(
    "--topics",
    default="trades,market,leaderboard,alerts",
    show_default=True,
    help="comma separated; orders needs a token",
)
@click.option("--since", help="id of the last message that was seen; up to 72 hours back")
@click.option("--url", help="address of the API; default: the running stack's")
@click.option("--all", "everything", is_flag=True, help="signs of life and notices too")
def events(topics: str, since: str | None, url: str | None, everything: bool) -> None:
    """Print live events until Ctrl-C, resuming after drops. GRIDX_TOKEN (access token or API key) signs in."""
    asked = url or _running_url()

    async def run() -> None:
        async for message in follow(asked, topics, since=since, token=os.environ.get("GRIDX_TOKEN")):
            if everything or message["type"] in ("event", "resync"):
                click.echo(json.dumps(message))

    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(run())
        except Refused as refused:
            raise click.ClickException(str(refused)) from refused


def _running_url() -> str:
    try:
        return running_environment()["GRIDX_PUBLIC_URL"]
    except (KeyError, ProcessFailed) as problem:
        raise click.ClickException("no stack is running here: name the API with --url") from problem
