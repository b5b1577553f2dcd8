# SPDX-License-Identifier: Apache-2.0
"""The key with which the AI service reads readings: the database is told of it whenever a stack starts.

`python -m scripts.forecaster` tells the database of the environment (`GRIDX_DATABASE_SERVICE_URL`) of the environment's
`GRIDX_AI_SERVICE_KEY`; containers run it after the migration.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import MutableMapping

from scripts.embedded.process import LOOPBACK

KEY = "GRIDX_AI_SERVICE_KEY"


async def equip(database_service_url: str, key: str) -> None:
    """Let the AI service in with `key`. Raises backend.core.errors.Invalid for a key that is none."""
    from backend.accounts.service import equip_forecaster
    from backend.core.clock import utc_now
    from backend.core.db import Database

    database = Database(database_service_url, pool_size=1)
    try:
        await equip_forecaster(database, key, now=utc_now())
    finally:
        await database.close()


def settle_addresses(environment: MutableMapping[str, str], *, port: int) -> None:
    """Where the AI service of a stack listens, and where it finds the api; the api's own address is settled."""
    environment["GRIDX_AI_PORT"] = str(port)
    environment["AI_SERVICE_URL"] = f"http://{LOOPBACK}:{port}"
    environment.setdefault("GRIDX_AI_BACKEND_URL", f"http://{LOOPBACK}:{environment['GRIDX_API_PORT']}")
    environment.setdefault("GRIDX_AI_ISSUER", environment["GRIDX_PUBLIC_URL"])
    environment.setdefault("GRIDX_AI_TRUSTED_PROXIES", LOOPBACK)


def main() -> None:
    """See the module."""
    missing = [name for name in (KEY, "GRIDX_DATABASE_SERVICE_URL") if not os.environ.get(name)]
    if missing:
        sys.exit(f"set {', '.join(missing)}")
    asyncio.run(equip(os.environ["GRIDX_DATABASE_SERVICE_URL"], os.environ[KEY]))


if __name__ == "__main__":
    main()
