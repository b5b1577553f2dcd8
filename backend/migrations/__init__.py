# SPDX-License-Identifier: Apache-2.0
"""Schema changes: hand-written SQL, each reversible, run as gridx_owner; `upgrade(url)` applies what is missing."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url


def config(url: str) -> Config:
    """Alembic's configuration for the database at `url` (role gridx_owner)."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["url"] = make_url(url).set(drivername="postgresql+asyncpg")
    return settings


def upgrade(url: str, revision: str = "head") -> None:
    """Apply every migration up to `revision`; call it outside an event loop."""
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take migrations back down to `revision` ("base" for an empty database)."""
    command.downgrade(config(url), revision)
