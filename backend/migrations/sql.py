# SPDX-License-Identifier: Apache-2.0
"""Helper of the migrations: asyncpg prepares one statement at a time, so a script is run statement by statement."""

from alembic import op

SEPARATOR = "\n--;;\n"


def run(script: str) -> None:
    """Execute `script`, whose statements are separated by lines that hold `--;;`."""
    for statement in script.split(SEPARATOR):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
