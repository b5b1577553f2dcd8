# SPDX-License-Identifier: Apache-2.0
"""Every router of accounts, in the order in which the application includes them."""

from backend.accounts.routers import auth, keys, organizations, users

routers = (auth.router, auth.well_known, users.router, organizations.router, keys.router)
