# SPDX-License-Identifier: Apache-2.0
"""Passwords: argon2id in threads, few at a time, and the same effort for an account that does not exist."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.accounts.errors import PasswordWeak

AT_ONCE = 4  # each takes 19 MiB while it runs
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's recommendation
_NOBODY = _HASHER.hash("nobody has this password")
_slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def check_strength(password: str, *, email: str) -> None:
    """Refuse a password that the e-mail gives away or that has fewer than five different characters."""
    if len(set(password)) < 5 or password.lower() in (email, email.partition("@")[0]):
        raise PasswordWeak


async def hash_password(password: str) -> str:
    """argon2id hash with its salt and parameters."""
    async with _slot():
        return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether `password` fits; takes as long when there is no hash to compare with."""
    async with _slot():
        fits = await asyncio.to_thread(_fits, password_hash or _NOBODY, password)
    return fits and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _slot() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _slots:
        _slots.clear()
        _slots[loop] = asyncio.Semaphore(AT_ONCE)
    return _slots[loop]
