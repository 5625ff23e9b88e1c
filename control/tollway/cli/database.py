"""The database as an operator's commands see it: which schema it has, and bringing it to the current one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

import tollway.db
from tollway.db import Database, migrate
from tollway.settings import Settings

_SCRIPTS = Path(tollway.db.__file__).parent / "migrations"


def open_database(settings: Settings) -> Database:
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Database(settings.database_dsn, wait_ms=settings.db_wait_ms)


async def migrate_now(settings: Settings) -> dict[str, Any]:
    """Runs the missing migrations: the schema before and after."""
    database = open_database(settings)
    try:
        before = await schema_of(database.engine)
        await migrate(database.engine)
        return {"before": before, "after": await schema_of(database.engine)}
    finally:
        await database.close()


async def schema_of(engine: AsyncEngine) -> str | None:
    """The migration the database is at; None for an empty one."""
    async with engine.connect() as connection:
        return await connection.run_sync(_revision)


def newest_schema() -> str | None:
    """The newest migration of this version of Tollway."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
