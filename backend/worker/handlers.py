# SPDX-License-Identifier: Apache-2.0
"""Which Celery task handles which event: the relay sends each at least once, so every handler may be repeated."""

from collections.abc import Sequence

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from backend.worker.celery_app import app

HANDLERS = {
    "audit.requested.v1": ("audit.run",),
    "accounts.user_deleted.v1": ("sites.forget_owner", "forecasts.forget_user"),
    "accounts.wallet_linked.v1": ("carbon.claim_wallet",),
    "carbon.transferred.v1": ("carbon.settle_claims",),
    "sites.readings_recorded.v1": ("market.readings_changed",),
}


def dispatch(events: Sequence[tuple[str, str]]) -> None:
    """Queue the handlers of (name, payload as JSON text) events. Raises OSError when the broker is away."""
    for name, payload in events:
        for task in HANDLERS.get(name, ()):
            try:
                app.send_task(task, args=[payload], retry=False)
            except (OperationalError, RedisError) as error:
                raise OSError(f"the task queue is away: {error}") from error
