# SPDX-License-Identifier: Apache-2.0
"""Rate limits over a real Redis."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import HTTPConnection

from backend.core.errors import TooMany
from backend.core.limits import Limiter, Rate, client_ip, counted_address
from backend.core.redis import connect


async def _passed(limiter: Limiter, name: str, who: str, count: int) -> int:
    answers = await asyncio.gather(*(limiter.hit(name, who) for _ in range(count)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, TooMany) for answer in answers)
    return sum(answer is None for answer in answers)


async def test_hit__more_than_the_limit_at_once__lets_exactly_the_limit_pass(redis_url: str) -> None:
    limiter = Limiter(connect(redis_url), {"user": "7/minute"})

    assert await _passed(limiter, "user", "asha", 1200) == 7
    assert await _passed(limiter, "user", "ravi", 3) == 3


async def test_hit__two_processes__share_the_count(redis_url: str) -> None:
    first, second = (Limiter(connect(redis_url), {"user": "5/minute"}) for _ in range(2))

    assert await _passed(first, "user", "asha", 3) + await _passed(second, "user", "asha", 4) == 5


async def test_hit__refused__says_when_to_come_back_and_then_passes(redis_url: str) -> None:
    limiter = Limiter(connect(redis_url), {"sign-in": "1/second"})
    await limiter.hit("sign-in", "asha")

    with pytest.raises(TooMany) as refused:
        await limiter.hit("sign-in", "asha")
    await asyncio.sleep(refused.value.retry_after_s)

    assert refused.value.retry_after_s == 1
    await limiter.hit("sign-in", "asha")


async def test_hit__redis_away__goes_on() -> None:
    limiter = Limiter(connect("redis://127.0.0.1:9/0"), {"user": "1/minute"})

    assert await _passed(limiter, "user", "asha", 3) == 3


def test_read__not_a_rate__is_refused() -> None:
    with pytest.raises(ValueError, match="couldn't parse"):
        Rate.read("often")


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("10.0.0.9", ["203.0.113.7"], "10.0.0.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_client_ip__forwarded__is_what_the_last_trusted_proxy_saw(peer: str, lines: list[str], address: str) -> None:
    state = SimpleNamespace(trusted_proxies=frozenset({"10.0.0.1", "10.0.0.2"}))
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    scope = {"type": "http", "client": (peer, 1), "headers": headers, "app": SimpleNamespace(state=state)}

    assert client_ip(HTTPConnection(scope)) == address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
    ],
)
def test_counted_address__ipv6__is_the_network_of_one_customer(address: str, counted: str) -> None:
    assert counted_address(address) == counted
