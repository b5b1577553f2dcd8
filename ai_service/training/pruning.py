# SPDX-License-Identifier: Apache-2.0
"""Old versions go, with their files; and files that no version names, left by training that was killed.

Of each model stay: the version in use; the `keep` that were in use before it, to which roll-back returns and which
answer when files are damaged; and the `keep` newest, whose age tells when training is due again. A store belongs to one
register: nameless files go only where the register knows a model of their name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ai_service.forecasting import database, errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.versions import Version

log = structlog.get_logger()

YOUNG = timedelta(days=1)  # training that writes its files now registers them long before


@dataclass(frozen=True, slots=True)
class Pruned:
    """Labels of versions and places of nameless files that were removed, and how many versions stay."""

    versions: tuple[str, ...]
    nameless: tuple[str, ...]
    kept: int


def prune(registry: Registry, *, keep: int, now: datetime) -> Pruned:
    """Remove what is not needed. Raises RegisterBusy, RegisterAway, ObjectStoreAway, ValueError for `keep` below 1."""
    if keep < 1:
        raise ValueError("keep must be 1 or more: the newest version tells when training is due")
    gone: list[str] = []
    places: set[str] = set()
    with database.held(registry.url, alone=True):
        names = registry.names()
        for name in names:
            versions = registry.versions_of(name)
            staying = _staying(registry, name, versions, keep)
            places |= {each.place for each in versions if each.number in staying}
            for each in versions:
                if each.number not in staying:
                    registry.remove(each)
                    gone.append(each.label)
        nameless = _nameless(registry, places, names, now)
    log.info("registry.pruned", versions=gone, nameless=nameless, kept=len(places))
    return Pruned(tuple(gone), tuple(nameless), len(places))


def _staying(registry: Registry, name: str, versions: list[Version], keep: int) -> set[int]:
    """Numbers of the versions that stay."""
    before = registry.once_in_use(name)
    staying = {each.number for each in versions[:keep]}
    try:
        current = registry.looked_up(name).number
    except errors.ModelUnknown:
        current = 0
    staying |= {each.number for each in [each for each in before if each.number != current][:keep]}
    return staying | {current}


def _nameless(registry: Registry, places: set[str], names: list[str], now: datetime) -> list[str]:
    """Remove files of no version that are a day old."""
    found = [
        each.place
        for each in registry.store.places()
        if each.place not in places and each.place.split("/")[0] in names and now - each.changed_at > YOUNG
    ]
    for place in found:
        registry.store.remove(place)
    return found
