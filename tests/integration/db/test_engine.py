"""What a transaction promises, on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.support import postgres
from tollway.db import CHANGES_KEPT, Database, migrate
from tollway.db.engine import _enter_wal
from tollway.db.tables import (
    AccountRow,
    Base,
    ChangeRow,
    GroupRow,
    ModelRow,
    RevisionRow,
    RouteRow,
    TransferRow,
    WalletRow,
)
from tollway.errors import AlreadyExists, SettingsError, StaleVersion, Unavailable

pytestmark = pytest.mark.integration


async def generation(db: Database) -> int:
    async with db.read_tx() as tx:
        return int(await tx.session.scalar(select(RevisionRow.generation)) or 0)


def difference(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


async def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    async with db.engine.connect() as connection:
        assert await connection.run_sync(difference) == []
        checks = await connection.run_sync(_checks)
    declared = {
        (table.name, str(constraint.name))
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert declared == checks, "alembic does not compare CHECKs, so we do"


def _checks(connection: Connection) -> set[tuple[str, str]]:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    return {
        (table, str(check["name"]))
        for table in Base.metadata.tables
        for check in inspector.get_check_constraints(table)
    }


async def test_migrating_again_changes_nothing(db: Database) -> None:
    async with db.write_tx() as tx:
        tx.add(AccountRow(id="acc_1", name="a"))
        tx.touch("account", "acc_1")
    await migrate(db.engine)
    assert await generation(db) == 2


async def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    one, two = (Database(f"sqlite:///{tmp_path / 'new.db'}") for _ in range(2))
    await asyncio.gather(migrate(one.engine), migrate(two.engine))
    assert await generation(one) == 1
    await one.close()
    await two.close()


def test_whoever_meets_the_first_opening_of_a_file_waits_and_looks_again() -> None:
    said: list[str] = []

    class Busy:
        """Another process turns the file to WAL just now; done with its transaction after one wait."""

        def execute(self, statement: str) -> None:
            said.append(statement)
            if statement.startswith("PRAGMA") and "COMMIT" not in said:
                raise sqlite3.OperationalError("database is locked")

    _enter_wal(Busy())
    assert said == ["PRAGMA journal_mode=WAL", "BEGIN IMMEDIATE", "COMMIT", "PRAGMA journal_mode=WAL"]


@pytest.mark.postgres
async def test_two_processes_may_migrate_at_once_on_postgresql(postgres_server: str) -> None:
    name = "tollway_twice"
    dsn = await asyncio.to_thread(postgres.create_database, postgres_server, name)
    one, two = Database(dsn), Database(dsn)
    await asyncio.gather(migrate(one.engine), migrate(two.engine))
    assert await generation(two) == 1
    await one.close()
    await two.close()
    await asyncio.to_thread(postgres.drop_database, postgres_server, name)


async def test_the_default_group_is_there(db: Database) -> None:
    async with db.read_tx() as tx:
        group = await tx.session.get_one(GroupRow, "default")
    assert (group.models, group.price_multiplier_micro, group.version) == (["*"], 1_000_000, 1)
    assert group.created_at.tzinfo is not None


async def test_touching_raises_the_generation_with_the_change(db: Database) -> None:
    heard: list[int] = []
    db.on_change(heard.append)
    async with db.write_tx() as tx:
        tx.add(AccountRow(id="acc_1", name="a"))
        tx.touch("account", "acc_1")
        tx.touch("account", "acc_1")
        tx.touch("key", "key_1", b"old")
        assert heard == []
    assert tx.generation == 2
    assert heard == [2]
    async with db.read_tx() as read:
        columns = select(ChangeRow.generation, ChangeRow.kind, ChangeRow.ref, ChangeRow.digest).order_by(ChangeRow.id)
        rows = (await read.session.execute(columns)).all()
    assert [tuple(row) for row in rows] == [(2, "account", "acc_1", None), (2, "key", "key_1", b"old")]


async def test_what_is_not_touched_makes_no_generation(db: Database) -> None:
    async with db.write_tx() as tx:
        tx.add(AccountRow(id="acc_1", name="a"))
    assert tx.generation is None
    assert await generation(db) == 1


async def test_a_failed_transaction_leaves_nothing(db: Database) -> None:
    heard: list[int] = []
    db.on_change(heard.append)
    with pytest.raises(RuntimeError, match="on purpose"):  # noqa: PT012
        async with db.write_tx() as tx:
            tx.add(AccountRow(id="acc_1", name="a"))
            tx.touch("account", "acc_1")
            await tx.flush()
            raise RuntimeError("on purpose")
    async with db.read_tx() as read:
        assert await read.session.get(AccountRow, "acc_1") is None
    assert (await generation(db), heard) == (1, [])


async def test_the_change_log_is_bounded(db: Database) -> None:
    async with db.write_tx() as tx:
        await tx.session.execute(insert(ChangeRow), [{"generation": 1, "kind": "group", "ref": "old"}])
        await tx.session.execute(update(RevisionRow).values(generation=CHANGES_KEPT))
    async with db.write_tx() as tx:
        tx.touch("group", "new")
    async with db.read_tx() as read:
        assert (await read.session.scalars(select(ChangeRow.ref))).all() == ["new"]


async def test_generations_of_concurrent_writers_are_distinct_and_gapless(db: Database) -> None:
    async def write(n: int) -> int:
        async with db.write_tx() as tx:
            tx.add(AccountRow(id=f"acc_{n}", name="a"))
            tx.touch("account", f"acc_{n}")
        assert tx.generation is not None
        return tx.generation

    made = await asyncio.gather(*(write(n) for n in range(12)))
    assert sorted(made) == list(range(2, 14))


async def test_a_reader_sees_one_moment(db: Database) -> None:
    async with db.read_tx() as read:
        before = await read.session.scalar(select(RevisionRow.generation))
        async with db.write_tx() as tx:
            tx.add(AccountRow(id="acc_1", name="a"))
            tx.touch("account", "acc_1")
        assert await read.session.scalar(select(RevisionRow.generation)) == before
        assert (await read.session.scalars(select(AccountRow.id))).all() == []


async def test_a_taken_id_is_already_exists(db: Database) -> None:
    with pytest.raises(AlreadyExists):
        async with db.write_tx() as tx:
            await tx.session.execute(insert(GroupRow), [{"name": "default", "price_multiplier_micro": 1}])


async def test_versions_rise_and_a_second_writer_is_told(db: Database) -> None:
    async with db.write_tx() as tx:
        group = await tx.session.get_one(GroupRow, "default")
        group.description = "first"
    assert group.version == 2
    with pytest.raises(StaleVersion):  # noqa: PT012
        async with db.write_tx() as tx:
            stale = await tx.session.get_one(GroupRow, "default")
            behind = update(GroupRow).values(version=9).execution_options(synchronize_session=False)
            await tx.session.execute(behind)
            stale.description = "second"
            await tx.flush()


@pytest.mark.parametrize(
    "row",
    [
        WalletRow(account_id="acc_1", available_nano=-1, deposited_nano=-1),
        WalletRow(account_id="acc_1", available_nano=1),
        WalletRow(account_id="acc_1", escrow_nano=-1, available_nano=1),
        GroupRow(name="g", rpm=0),
        AccountRow(id="acc_2", name="a", kind="else"),
        AccountRow(id="acc_2", name="a", group_name="missing"),
        RouteRow(model_name="missing", upstream_name="missing", upstream_model="m"),
        TransferRow(id="t", kind="gift"),
        ModelRow(name="m", kind="poem"),
    ],
    ids=lambda row: f"{type(row).__name__}",
)
async def test_a_rule_that_one_row_can_state_is_kept_by_the_database(db: Database, row: Base) -> None:
    async with db.write_tx() as tx:
        tx.add(AccountRow(id="acc_1", name="a"))
    columns = {c.key: getattr(row, c.key) for c in type(row).__mapper__.columns if getattr(row, c.key) is not None}
    with pytest.raises(IntegrityError):
        async with db.write_tx() as tx:
            await tx.session.execute(insert(type(row)), [columns])


@pytest.mark.parametrize("table", ["transfers", "entries", "audit"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
async def test_append_only_tables_refuse_change(db: Database, table: str, verb: str) -> None:
    async with db.write_tx() as tx:
        await tx.session.execute(
            text(
                "INSERT INTO transfers (id, kind, reason, ref, created_by, created_at) "
                "VALUES ('t', 'deposit', '', '', '', CURRENT_TIMESTAMP)"
            )
        )
        await tx.session.execute(
            text("INSERT INTO entries (transfer_id, account, amount_nano, side) VALUES ('t', 'revenue', 1, 1)")
        )
        await tx.session.execute(
            text(
                "INSERT INTO audit (at, actor, action, object, request_id, address, prev_hash, hash) "
                "VALUES (CURRENT_TIMESTAMP, 'a', 'a', 'o', '', '', :zero, :zero)"
            ),
            {"zero": b"0"},
        )
    column = {"transfers": "reason = 'x'", "entries": "account = 'x'", "audit": "actor = 'x'"}[table]
    statement = f"UPDATE {table} SET {column}" if verb == "UPDATE" else f"DELETE FROM {table}"
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.write_tx() as tx:
            await tx.session.execute(text(statement))


async def test_waiting_for_the_writer_has_a_bound(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'busy.db'}", wait_ms=50)
    await migrate(database.engine)
    async with database.write_tx():
        with pytest.raises(Unavailable):
            async with database.write_tx():
                pass
    async with database.write_tx() as tx:
        tx.touch("group", "default")
    assert tx.generation == 2, "the lock is free again"
    await database.close()


async def test_another_process_that_writes_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    one, two = (Database(f"sqlite:///{tmp_path / 'busy.db'}", wait_ms=50) for _ in range(2))
    await migrate(one.engine)
    async with one.write_tx() as tx:
        await tx.session.execute(text("SELECT 1"))
        with pytest.raises(Unavailable):
            async with two.write_tx() as other:
                await other.session.execute(text("SELECT 1"))
    async with two.write_tx() as other:
        other.touch("group", "default")
    assert other.generation == 2, "the connection that met the lock is of use again"
    await one.close()
    await two.close()


async def test_what_postgresql_gives_up_is_unavailable_not_a_crash(postgres_server: str) -> None:
    hasty, patient = (Database(f"{postgres_server}/postgres", wait_ms=wait_ms) for wait_ms in (200, 20_000))
    with pytest.raises(Unavailable):
        async with hasty.read_tx() as tx:
            await tx.session.execute(text("SELECT pg_sleep(30)"))
    reached = {1: asyncio.Event(), 2: asyncio.Event()}

    async def locks(mine: int, other: int) -> None:
        async with patient.write_tx() as tx:
            await tx.session.execute(text(f"SELECT pg_advisory_xact_lock({mine})"))
            reached[mine].set()
            await reached[other].wait()
            await tx.session.execute(text(f"SELECT pg_advisory_xact_lock({other})"))

    # Two who lock each other out: one is told so, the other goes on.
    ends = await asyncio.gather(locks(1, 2), locks(2, 1), return_exceptions=True)
    assert {type(end) for end in ends} == {type(None), Unavailable}
    await hasty.close()
    await patient.close()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", wait_ms=500)
    with pytest.raises(Unavailable):
        async with database.read_tx() as tx:
            await tx.session.scalar(select(RevisionRow.generation))
    await database.close()


@pytest.mark.parametrize("dsn", ["mysql://x/y", "sqlite://", "no dsn at all", "sqlite:///:memory:"])
def test_a_dsn_we_cannot_use_is_named(dsn: str) -> None:
    with pytest.raises(SettingsError, match="dsn"):
        Database(dsn)
