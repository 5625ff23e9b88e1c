"""Brings a database to the current schema, at each start. The migrations travel inside the package.

Two processes that start together must not both migrate: PostgreSQL takes an advisory lock, SQLite its write lock.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

_SCRIPTS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x7011_0A11


async def migrate(engine: AsyncEngine) -> None:
    """Run all migrations that are missing, in one transaction. A database already current is left alone."""
    async with engine.execution_options(tollway_write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
