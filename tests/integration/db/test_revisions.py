"""Revisions on a database that has been in use: what was there is kept, what is new is counted from it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, select
from sqlalchemy import column as column_of
from sqlalchemy import table as lightweight

from tests.support import postgres
from tollway.db import Database, migrate, migrations
from tollway.db.tables import COUNT_COLUMNS, UNIT_COLUMNS, RequestRow, UsageHourRow, table

pytestmark = pytest.mark.integration

HOUR = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The DSN of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"tollway_test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(server, name)
    postgres.drop_database(server, name)


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Database]:
    """The database itself."""
    db = Database(empty_dsn)
    yield db
    await db.close()


async def upgrade_to(db: Database, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with db.engine.begin() as connection:
        await connection.run_sync(run)


def request_record(seq: int, code: str, at: datetime) -> dict[str, Any]:
    """A finished request as a row of the first revision."""
    texts = {"request_id": f"req_{seq}", "account_id": "acc", "key_id": "key", "model": "m", "upstream": "up"}
    numbers = dict.fromkeys(
        (*COUNT_COLUMNS, *UNIT_COLUMNS, "hold_nano", "charge_nano", "excess_nano", "posted_nano", "loss_nano"), 0
    )
    return {
        "node_id": "node",
        "epoch": 1,
        "seq": seq,
        **texts,
        **numbers,
        "endpoint": 0,
        "status": 502 if code else 200,
        "stream": False,
        "estimated": False,
        "price_id": None,
        "multiplier_micro": 1_000_000,
        "attempts": 1,
        "started_at": at,
        "day": at.date(),
        "first_byte_us": 0,
        "total_us": 0,
        "outcome": 0,
        "error_code": code,
        "client_request_id": "",
        "created_at": at,
    }


async def test_faults_are_counted_from_the_requests_that_are_there(empty: Database) -> None:
    await upgrade_to(empty, "0003")
    codes = ["", "upstream_error", "upstream_timeout", "no_healthy_upstream", "client_gone", "invalid_request"]
    later = HOUR + timedelta(hours=1, minutes=59, seconds=59, microseconds=999_999)
    records = [request_record(n, code, HOUR + timedelta(minutes=n)) for n, code in enumerate(codes)]
    records.append(request_record(99, "upstream_rate_limited", later))
    columns = [column for column in table(UsageHourRow).columns if column.name != "faults"]
    old = lightweight("usage_hours", *(column_of(column.name, column.type) for column in columns))
    async with empty.engine.begin() as connection:
        await connection.execute(insert(table(RequestRow)), records)
        for hour, calls, errors in ((HOUR, 6, 5), (HOUR + timedelta(hours=1), 1, 1)):
            row: dict[str, Any] = dict.fromkeys((column.name for column in columns), 0) | {
                "account_id": "acc",
                "key_id": "key",
                "model": "m",
                "upstream": "up",
            }
            row |= {"hour": hour, "calls": calls, "errors": errors}
            await connection.execute(insert(old).values(row))
    await migrate(empty.engine)
    async with empty.read_tx() as tx:
        rows = (await tx.session.scalars(select(UsageHourRow).order_by(UsageHourRow.hour))).all()
        assert [(row.hour, row.calls, row.errors, row.faults) for row in rows] == [
            (HOUR, 6, 5, 3),
            (HOUR + timedelta(hours=1), 1, 1, 1),
        ]


async def test_a_database_of_the_first_revision_keeps_its_codes(empty: Database) -> None:
    await upgrade_to(empty, "0001")
    async with empty.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO redemption_codes (id, digest, hint, amount_nano, created_by, created_at) "
            "VALUES ('code_1', "
            + ("x'00'" if empty.is_sqlite else r"'\x00'")
            + ", 'h', 5, 'me', '2026-11-24 10:00:00')"
        )
    await migrate(empty.engine)
    async with empty.engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT id, amount_nano, note, revoked_at FROM redemption_codes")
        assert [tuple(row) for row in found] == [("code_1", 5, "", None)]
