# SPDX-License-Identifier: Apache-2.0
"""`gridx up`: the whole stack in the foreground; a process that ends is started again, Ctrl-C stops everything."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import defaultdict, deque
from pathlib import Path

import click

from scripts.cli.reset import wipe
from scripts.embedded.chain_check import ChainBehind
from scripts.embedded.process import ProcessFailed
from scripts.keys import SecretsMissing
from scripts.programs import PROCESSES, TRAINER
from scripts.stack import FOLDER, Ports, Stack, StackRunning

RESTARTS_A_MINUTE = 5
_DEFAULT_PORTS = {"api": 3001, "chain": 8545, "postgres": 54330, "redis": 63790, "ai": 8000}


def ports() -> Ports:
    """Ports to try first: GRIDX_API_PORT, …_CHAIN_PORT, …_POSTGRES_PORT, …_REDIS_PORT, …_AI_PORT, else the usual.

    Raises click.ClickException for a setting that is no port.
    """
    chosen = dict(_DEFAULT_PORTS)
    for name in chosen:
        setting = f"GRIDX_{name.upper()}_PORT"
        if text := os.environ.get(setting):
            if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**16):
                raise click.ClickException(f"{setting} is {text!r}: a port is a number from 1 to 65535")
            chosen[name] = int(text)
    return Ports(**chosen)


def _print_addresses(stack: Stack, seconds: float) -> None:
    click.echo(f"\nGridX is up after {seconds:.1f} s")
    click.echo(f"  API        {stack.api_url}/api/docs")
    click.echo(f"  health     {stack.api_url}/health/detailed")
    click.echo(f"  chain      {stack.rpc_url}")
    click.echo(f"  forecasts  {stack.env['AI_SERVICE_URL']}/health, asked through the API under /api/ai")
    click.echo(f"  data, logs {stack.folder}")
    click.echo("Ctrl-C stops it; data stay.", nl=True)
    sys.stdout.flush()


async def _watch(stack: Stack, ended: asyncio.Event) -> None:
    """Start again what ends by itself, five times a minute at most, until `ended`."""
    restarts: dict[str, deque[float]] = defaultdict(deque)
    servers = [name for name in ("postgres", "redis", "anvil") if getattr(stack, name) is not None]
    while not ended.is_set():
        for name in (*servers, *stack.process_names):
            child = stack.child(name)
            if child.running or ended.is_set():
                continue
            times = restarts[name]
            while times and times[0] < time.monotonic() - 60:
                times.popleft()
            if len(times) >= RESTARTS_A_MINUTE:
                raise ProcessFailed(f"{name} keeps ending; {child.log} ends:\n{child.tail()}")
            times.append(time.monotonic())
            click.echo(f"{name} ended with status {child.returncode}, starting it again", err=True)
            await stack.start(name)
        try:
            await asyncio.wait_for(ended.wait(), 0.5)
        except TimeoutError:
            continue


async def _run(folder: Path) -> None:
    started = time.monotonic()
    ended = asyncio.Event()
    this = asyncio.current_task()
    is_up = False

    def stop() -> None:
        ended.set()
        if not is_up and this is not None:
            this.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    processes = (*PROCESSES, TRAINER) if os.environ.get("GRIDX_AI_PLAN") else PROCESSES
    stack = Stack(folder, processes, ports=ports(), external=True, announce=click.echo)
    async with stack:
        is_up = True
        _print_addresses(stack, time.monotonic() - started)
        await _watch(stack, ended)
        click.echo("\nstopping …")
    click.echo("stopped")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="data of this stack")
@click.option("--reset-if-behind", is_flag=True, help="begin anew without asking when the local chain was lost")
def up(folder: Path, reset_if_behind: bool) -> None:
    """Run PostgreSQL, Redis, chain, api, follower, relay, relayer, worker and AI service until Ctrl-C.

    DATABASE_URL, REDIS_URL and RPC_URL point to external servers instead; then every secret must be set too.
    """
    try:
        try:
            asyncio.run(_run(folder))
        except ChainBehind as problem:
            click.echo(f"The local chain and the database do not belong together: {problem}.", err=True)
            question = "Throw both away and begin anew (`gridx reset`)?"
            if not reset_if_behind and not (sys.stdin.isatty() and click.confirm(question)):
                raise click.ClickException("run `gridx reset`, then start again") from problem
            wipe(folder)
            asyncio.run(_run(folder))
    except asyncio.CancelledError:
        click.echo("stopped")
    except (StackRunning, SecretsMissing, ProcessFailed, OSError) as problem:  # OSError: of the folder
        raise click.ClickException(str(problem)) from problem
