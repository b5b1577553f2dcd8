# SPDX-License-Identifier: Apache-2.0
"""Where the shards of a batch are computed: processes of this machine, or a Ray cluster. Same shards, same answers.

Neither needs a file system shared with its workers: readings and model travel to them, answers travel back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from itertools import islice
from multiprocessing import connection, get_context, parent_process

from ai_service.training import shards
from ai_service.training.shards import Answer, ModelFiles, Shard

Engine = Callable[[Iterable[Shard], ModelFiles], Iterator[tuple[int, list[Answer]]]]
"""Answers by shard number, as they are ready."""
AHEAD = 2  # shards on their way for each worker
_FILES: ModelFiles | None = None


def local(workers: int) -> Engine:
    """`workers` processes of this machine, one thread each."""

    def run(work: Iterable[Shard], files: ModelFiles) -> Iterator[tuple[int, list[Answer]]]:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(files,))
        with pool:
            yield from _in_turn(lambda shard: pool.submit(_forecast, shard), work, workers)

    return run


def threads(workers: int) -> Engine:
    """`workers` threads of this process, for a worker whose processes may have no children of their own."""

    def run(work: Iterable[Shard], files: ModelFiles) -> Iterator[tuple[int, list[Answer]]]:
        with ThreadPoolExecutor(workers) as pool:
            yield from _in_turn(lambda shard: pool.submit(shards.forecast, shard, files), work, workers)

    return run


def ray(address: str | None, workers: int) -> Engine:
    """A Ray cluster (`address` as `ray.init` takes it), or one started here for `workers` tasks at once."""

    def run(work: Iterable[Shard], files: ModelFiles) -> Iterator[tuple[int, list[Answer]]]:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray as cluster

        started = not cluster.is_initialized()
        if started:
            own = {"num_cpus": workers, "include_dashboard": False} if address is None else {"address": address}
            cluster.init(logging_level="WARNING", log_to_driver=False, **own)
        try:
            ask = cluster.remote(max_retries=3, num_cpus=1)(shards.forecast)
            model = cluster.put(files)
            at_once = AHEAD * max(1, int(cluster.cluster_resources().get("CPU", workers)))
            waiting = iter(work)
            running = {ask.remote(shard, model): shard.number for shard in islice(waiting, at_once)}
            while running:
                done, _ = cluster.wait(list(running), num_returns=1)
                number = running.pop(done[0])
                for shard in islice(waiting, 1):
                    running[ask.remote(shard, model)] = shard.number
                yield number, cluster.get(done[0])
        finally:
            if started:
                cluster.shutdown()

    return run


def _in_turn(
    submit: Callable[[Shard], Future[list[Answer]]], work: Iterable[Shard], workers: int
) -> Iterator[tuple[int, list[Answer]]]:
    """Answers as they are ready; only AHEAD shards for each worker are on their way."""
    waiting = iter(work)
    running = {submit(shard): shard.number for shard in islice(waiting, AHEAD * workers)}
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            number = running.pop(future)
            running |= {submit(shard): shard.number for shard in islice(waiting, 1)}
            yield number, future.result()


def _begin(files: ModelFiles) -> None:
    """In a new worker: keep the model, and end when the parent is gone, however it went."""
    global _FILES
    _FILES = files
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _forecast(shard: Shard) -> list[Answer]:
    assert _FILES is not None
    return shards.forecast(shard, _FILES)
