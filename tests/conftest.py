"""Fixtures that every level may use. `db` gives a fresh, migrated database and runs the test on SQLite and on
PostgreSQL.

A database costs one copy: the schema is migrated once per engine and run, each test gets its own copy of the result.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support import postgres
from tollway.db import Database, migrate


async def _migrated(dsn: str) -> None:
    database = Database(dsn)
    try:
        await migrate(database.engine)
    finally:
        await database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of a PostgreSQL server, without a database name; skips where there is none."""
    with postgres.server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: str) -> Iterator[str]:
    name = f"tollway_template_{uuid.uuid4().hex[:8]}"
    asyncio.run(_migrated(postgres.create_database(postgres_server, name)))
    yield name
    postgres.drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tollway.db"
    asyncio.run(_migrated(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The DSN of a fresh, migrated database."""
    if request.param == "sqlite":
        path = tmp_path / "tollway.db"
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"tollway_test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(server, name, request.getfixturevalue("_postgres_template"))
    postgres.drop_database(server, name)


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """A fresh, migrated database on each engine."""
    database = Database(dsn, wait_ms=5_000)
    yield database
    await database.close()
