# SPDX-License-Identifier: Apache-2.0
"""Starts one process: `python -m backend.worker follower|relay|relayer|celery`. SIGTERM and SIGINT end it cleanly."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
import uvloop
from prometheus_client import start_http_server

from backend.chain.follower import Follower, FollowerOptions
from backend.chain.observer import Observer
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS
from backend.core.errors import Forbidden, Invalid, Refusal, Unavailable
from backend.core.garbage import keep_what_is_there
from backend.core.redis import connect
from backend.market.projection import TradeProjector
from backend.market.watching import watch
from backend.worker.relay import Relay, pause
from backend.worker.runtime import Process, open_process

AWAY = (Unavailable, *DATABASE_ERRORS)
"""What is raised while a node or the database is away."""
log = structlog.get_logger()


async def _registered(process: Process, stop: asyncio.Event) -> Chain | None:
    """The chain, as soon as the database answers; None when told to stop before. Raises ChainMismatch."""
    while not stop.is_set():
        try:
            return await process.chain()
        except AWAY as error:
            log.warning("chain.waiting", why=str(error)[:300])
            await pause(stop, process.settings.watch_interval_s)
    return None


async def follower(process: Process, stop: asyncio.Event) -> None:
    """Follow the chain and look after claims that wait."""
    settings = process.settings
    chain = await _registered(process, stop)
    if chain is None:
        return
    options = FollowerOptions(
        poll_interval_s=settings.poll_interval_s,
        finality_depth=settings.finality_depth,
        second_node=settings.second_node,
        ws_url=settings.websocket_url or settings.rpc_url[0].replace("http", "ws", 1),
    )
    following = Follower(process.db, process.rpc, chain.id, TradeProjector(process.operator), options)
    observer = Observer(process.rpc, chain, finality_depth=settings.finality_depth)

    async def watching() -> None:
        every = timedelta(seconds=settings.watch_interval_s)
        while not stop.is_set():
            try:
                await watch(process.db, chain, observer, now=utc_now(), every=every)
            except (Refusal, *AWAY) as error:
                log.warning("watching.waiting", error=str(error)[:300])  # the follower says more; claims wait
            await pause(stop, settings.watch_interval_s)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(following.run(stop))
        tasks.create_task(watching())


async def relay(process: Process, stop: asyncio.Event) -> None:
    """Move events from the outbox to Redis."""
    await Relay(process.db, connect(process.settings.redis_url)).run(stop)


async def relayer(process: Process, stop: asyncio.Event) -> None:
    """Settle matched pairs on chain. SystemExit with the reason when the key is unusable or may not settle."""
    from backend.market.relayer import service as relaying  # other processes do without the libraries of wallets
    from backend.market.relayer.relayer import Relayer

    settings = process.settings
    key, password = settings.relayer_key, settings.relayer_keystore_password
    try:
        signer = relaying.open_signer(
            key=key.get_secret_value() if key else None,
            keystore=settings.relayer_keystore,
            password=password.get_secret_value() if password else None,
        )
        chain = await _registered(process, stop)
        if chain is not None:
            await Relayer(process.db, process.rpc, chain, signer, relaying.options_of(settings)).run(stop)
    except (Invalid, Forbidden) as refusal:
        log.error("relayer.refused", why=str(refusal))
        raise SystemExit(f"the relayer cannot start: {refusal}") from refusal


PROCESSES: dict[str, Callable[[Process, asyncio.Event], Awaitable[None]]] = {
    "follower": follower,
    "relay": relay,
    "relayer": relayer,
}


async def _serve(name: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    process = open_process(name)
    keep_what_is_there()
    if process.settings.metrics_port:
        start_http_server(process.settings.metrics_port, addr=process.settings.api_host)
    try:
        await PROCESSES[name](process, stop)
    finally:
        await process.rpc.close()
        await process.db.close()


def main(arguments: list[str]) -> int:
    """Run the process that is named; 2 when there is none of that name."""
    name = arguments[0] if arguments else ""
    if name == "celery":
        from backend.worker.celery_app import app

        app.worker_main(
            [
                "worker",
                "--beat",
                "--concurrency=1",
                "--loglevel=INFO",
                "--queues=gridx",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                *arguments[1:],
            ]
        )
        return 0
    if name not in PROCESSES:
        print(f"usage: python -m backend.worker {'|'.join([*PROCESSES, 'celery'])}", file=sys.stderr)
        return 2
    uvloop.run(_serve(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
