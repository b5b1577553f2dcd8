# SPDX-License-Identifier: Apache-2.0
"""Every route of accounts."""

from fastapi import APIRouter

from backend.accounts.routers import activity, auth, keys, organizations, users

router = APIRouter()
for _part in (auth.router, auth.well_known, users.router, organizations.router, keys.router, activity.router):
    router.include_router(_part)
