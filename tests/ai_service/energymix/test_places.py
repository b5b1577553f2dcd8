# SPDX-License-Identifier: Apache-2.0
"""Places at the solver are few and shared fairly, whatever askers and programmes do."""

import asyncio
import threading

import pytest

from ai_service.energymix.errors import MixBusy, MixesUnderWay
from ai_service.energymix.places import Places


class Held:
    """A programme that is solved when the test says so."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.may_end.wait(10)
        return "solved"


async def begin(places: Places, user: str) -> tuple[Held, asyncio.Task[str]]:
    """A programme of `user` that is being solved."""
    work = Held()
    asker = asyncio.create_task(places.solve(user, work))
    assert await asyncio.to_thread(work.begun.wait, 5)
    return work, asker


async def test_solve__a_user_with_as_many_as_he_may_have__is_refused_and_others_are_not() -> None:
    places = Places()
    work, asker = await begin(places, "asha")

    with pytest.raises(MixesUnderWay) as refused:
        await places.solve("asha", lambda: "never")
    other = await places.solve("ben", lambda: "other")
    work.may_end.set()

    assert refused.value.details == {"most": 1}
    assert (other, await asker) == ("other", "solved")
    assert await places.solve("asha", lambda: "again") == "again"


async def test_solve__its_asker_leaves__keeps_its_place_until_it_ends() -> None:
    places = Places(1, wait_s=0.05)
    work, asker = await begin(places, "asha")
    asker.cancel()
    await asyncio.gather(asker, return_exceptions=True)

    with pytest.raises(MixBusy):
        await places.solve("ben", lambda: "too early")
    work.may_end.set()

    assert await places.solve("ben", lambda: "now") == "now"


async def test_solve__an_asker_leaves_the_queue__waits_no_longer_and_counts_no_longer() -> None:
    places = Places(1, each=1, wait_s=5)
    work, first = await begin(places, "asha")
    waiting = asyncio.create_task(places.solve("ben", lambda: "never"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    work.may_end.set()
    await first

    assert await places.solve("ben", lambda: "now") == "now"


async def test_solve__a_programme_that_fails__gives_its_place_back() -> None:
    places = Places(1, each=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await places.solve("asha", lambda: 1 // 0)
