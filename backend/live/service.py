# SPDX-License-Identifier: Apache-2.0
"""The door of live updates: what a process that serves them makes once."""

from collections.abc import Iterable

from redis.asyncio import Redis

from backend.accounts.service import PrincipalReader
from backend.accounts.types import OrgRole, Principal
from backend.core.db import Database
from backend.live.feed import Feed
from backend.live.gateway import Gateway, Limits
from backend.live.hub import Hub
from backend.live.tickets import Tickets
from backend.live.types import Viewer

__all__ = ["Feed", "Gateway", "Limits", "make_live", "viewer_of"]


def make_live(
    service_db: Database,
    redis: "Redis[bytes]",
    principals: PrincipalReader,
    *,
    origins: Iterable[str],
    limits: Limits,
) -> tuple[Gateway, Feed]:
    """The gateway of this process, and the feed that must be started before it serves and stopped at the end."""
    hub = Hub(service_db)
    return Gateway(hub, Tickets(redis), principals, frozenset(origins), limits), Feed(hub, redis)


def viewer_of(principal: Principal) -> Viewer:
    """Whoever asks over HTTP, as the rules of topics see them."""
    operated = frozenset(held.org_id for held in principal.memberships if held.role == OrgRole.OPERATOR)
    return Viewer(principal.user_id, None, operated, principal.is_super_admin)
