# SPDX-License-Identifier: Apache-2.0
"""Questions that arrive together are answered together, each for itself."""

import asyncio

import pytest

from ai_service.forecasts.batching import Batcher


async def test_ask__many_at_once__are_answered_in_passes_of_at_most_32():
    passes = []

    def work(questions):
        passes.append(len(questions))
        return [question * 2 for question in questions]

    batcher = Batcher(work)

    answers = await asyncio.gather(*(batcher.ask(number) for number in range(70)))

    assert answers == [number * 2 for number in range(70)]
    assert passes == [32, 32, 6]


async def test_ask__one_is_refused__the_others_are_answered():
    batcher = Batcher(lambda questions: [ValueError(str(one)) if one == 1 else one for one in questions])

    answers = await asyncio.gather(*(batcher.ask(number) for number in range(3)), return_exceptions=True)

    assert answers[::2] == [0, 2]
    assert isinstance(answers[1], ValueError)


async def test_ask__the_work_breaks__everybody_is_told():
    def work(questions):
        raise RuntimeError("broken")

    batcher = Batcher(work)

    answers = await asyncio.gather(*(batcher.ask(number) for number in range(3)), return_exceptions=True)

    assert [str(one) for one in answers] == ["broken"] * 3


async def test_ask__who_asked_has_left__the_others_are_answered():
    batcher = Batcher(lambda questions: list(questions))
    left = asyncio.create_task(batcher.ask(1))
    stays = asyncio.create_task(batcher.ask(2))
    await asyncio.sleep(0)

    left.cancel()

    assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await left
