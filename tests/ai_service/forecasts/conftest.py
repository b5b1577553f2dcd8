# SPDX-License-Identifier: Apache-2.0
"""A community with houses behind the service: the fixture `town`."""

import pytest

from backend.core.limits import Limiter
from tests.ai_service.towns import make_town


@pytest.fixture
async def town(ai, app, client, service_db):
    """A community operated by the service's user, without houses. The backend counts no requests."""
    app.state.limiter = Limiter(app.state.redis, {})
    me = (await client.get("/api/users/me", headers=ai.user)).json()["data"]
    return await make_town(service_db, me["id"])
