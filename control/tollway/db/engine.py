"""The database: one engine, read transactions that see one moment, write transactions that tell the core what changed.

SQLite: WAL, `synchronous=FULL` (an acknowledged settlement survives a power cut), foreign keys on. It has one writer,
so writers queue on a lock inside the process, in order and with a bound, and begin with BEGIN IMMEDIATE; the busy
timeout only meets other processes (command line, reconcile). PostgreSQL: READ COMMITTED for writers (money moves by
conditional UPDATEs and unique keys), REPEATABLE READ for readers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import delete, event, insert, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm.exc import StaleDataError

from tollway.db.tables import ChangeRow, RevisionRow, utc_now
from tollway.errors import AlreadyExists, SettingsError, StaleVersion, Unavailable

ChangeKind = Literal["group", "model", "upstream", "account", "key"]

# The log answers "what changed since generation n" for nodes that are a little behind; older ones get a whole snapshot.
CHANGES_KEPT = 10_000
WAL_TRIES_MAX: Final = 5

# What PostgreSQL broke off by itself, undone: statement_timeout, deadlock, lock_timeout, serialization.
_GIVEN_UP: Final = frozenset({"57014", "40P01", "55P03", "40001"})


class ReadTx:
    """A read transaction: everything read in it is of one moment."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.now: datetime = utc_now()


class WriteTx(ReadTx):
    """A write transaction. Say `touch(...)` for each row the core must learn of; that raises the generation."""

    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.touched: dict[tuple[ChangeKind, str, bytes | None], None] = {}
        self.after_commit: list[Callable[[], None]] = []
        self.generation: int | None = None
        """The generation this transaction made; None until commit, and when nothing was touched."""

    def touch(self, kind: ChangeKind, ref: str, digest: bytes | None = None) -> None:
        """Note a change of the snapshot: `ref` is the name or id. A key whose digest changes or goes: give the old
        digest.
        """
        self.touched[(kind, ref, digest)] = None

    def add(self, row: object) -> None:
        """Put a new row into the session."""
        self.session.add(row)

    async def flush(self) -> None:
        """Send pending rows now, so that plain statements see them."""
        await self.session.flush()


class Database:
    """One per process. Make it, `await migrate(db.engine)` once, use `read_tx()` and `write_tx()`, `await close()`."""

    def __init__(self, dsn: str, *, pool_max: int = 10, wait_ms: int = 10_000) -> None:
        self.url = async_url(dsn)
        self.wait_ms = wait_ms
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _make_engine(self.url, pool_max, wait_ms)
        self._writer = asyncio.Lock()
        self._listeners: list[Callable[[int], None]] = []

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Call `listener(generation)` after each commit that touched the snapshot. It must not block."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def read_tx(self) -> AsyncIterator[ReadTx]:
        """Read at one moment. Nothing written here is kept."""
        engine = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        async with _translated(), AsyncSession(engine, expire_on_commit=False) as session:
            yield ReadTx(session)

    @asynccontextmanager
    async def write_tx(self) -> AsyncIterator[WriteTx]:
        """Write all or nothing. Raises Unavailable when the database cannot be had in time, AlreadyExists on a unique
        violation nobody handled, StaleVersion when two writers changed one row; in each case nothing was kept.
        """
        async with _translated(), self._turn():
            engine = self.engine.execution_options(tollway_write=True)
            async with AsyncSession(engine, expire_on_commit=False) as session:
                tx = WriteTx(session)
                yield tx
                if tx.touched:
                    await session.flush()
                    tx.generation = await _raise_generation(tx)
                await session.commit()
        for callback in tx.after_commit:
            callback()
        if tx.generation is not None:
            for listener in self._listeners:
                listener(tx.generation)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """SQLite's one writer, in order of arrival; elsewhere rows lock themselves."""
        if not self.is_sqlite:
            yield
            return
        try:
            await asyncio.wait_for(self._writer.acquire(), self.wait_ms / 1000)
        except TimeoutError:
            raise Unavailable("the database is busy; try again", retry_after_s=1) from None
        try:
            yield
        finally:
            self._writer.release()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def async_url(dsn: str) -> URL:
    """`sqlite:///path` or `postgresql://…` with the asynchronous driver filled in. Raises SettingsError for others."""
    try:
        url = make_url(dsn)
    except Exception as exc:
        raise SettingsError("dsn: not a database address; write sqlite:///path or postgresql://user@host/name") from exc
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    driver = drivers.get(url.drivername.split("+")[0])
    if driver is None:
        raise SettingsError(f"dsn: {url.drivername!r} is not supported; use sqlite or postgresql")
    if driver.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise SettingsError("dsn: an in-memory database cannot be shared; name a file")
    return url.set(drivername=driver)


def _make_engine(url: URL, pool_max: int, wait_ms: int) -> AsyncEngine:
    pool = {"pool_size": pool_max, "max_overflow": 0, "pool_timeout": wait_ms / 1000}
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": wait_ms / 1000}, **pool)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    limits = {
        "statement_timeout": str(wait_ms),
        "idle_in_transaction_session_timeout": str(wait_ms * 6),
        "timezone": "UTC",
    }
    return create_async_engine(
        url, pool_pre_ping=True, connect_args={"server_settings": limits, "timeout": wait_ms / 1000}, **pool
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN comes too late (only before DML), so that reads would not be of one moment:
    # switch it off and begin ourselves in `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    _enter_wal(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-65536"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _enter_wal(cursor: Any) -> None:
    """The first to open a new file changes its mode. Whoever opens it at that moment is told "locked" at once, without
    the driver's wait: so wait as a writer does, and look again.
    """
    for tries_left in reversed(range(WAL_TRIES_MAX)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or not tries_left:
                raise
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("COMMIT")


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("tollway_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


async def _raise_generation(tx: WriteTx) -> int:
    """Last statements of the transaction: from here on other writers of the snapshot wait, so generations commit in
    order.
    """
    generation = await tx.session.scalar(
        update(RevisionRow).values(generation=RevisionRow.generation + 1).returning(RevisionRow.generation)
    )
    if generation is None:
        raise Unavailable("the database has not been migrated; run: tollway migrate")
    await tx.session.execute(
        insert(ChangeRow),
        [{"generation": generation, "kind": kind, "ref": ref, "digest": digest} for kind, ref, digest in tx.touched],
    )
    await tx.session.execute(delete(ChangeRow).where(ChangeRow.generation <= generation - CHANGES_KEPT))
    return int(generation)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Database errors in the caller's terms. What is not listed stays what it is: a defect of ours, not a state."""
    try:
        yield
    except StaleDataError as exc:
        raise StaleVersion("somebody else changed this at the same moment; read it again, then write") from exc
    except IntegrityError as exc:
        if is_unique_violation(exc):
            raise AlreadyExists("something with this name or id already exists") from exc
        raise
    except PoolTimeoutError as exc:
        raise Unavailable("the database is busy; try again", retry_after_s=1) from exc
    except OperationalError as exc:
        raise Unavailable("the database cannot be reached or is busy; try again", retry_after_s=1) from exc
    except DBAPIError as exc:
        if exc.connection_invalidated:
            raise Unavailable("the connection to the database broke; try again", retry_after_s=1) from exc
        if _sqlstate(exc) in _GIVEN_UP:
            raise Unavailable("the database could not do this in time; nothing was changed, try again") from exc
        raise
    except OSError as exc:
        with suppress(AttributeError):
            if exc.__traceback__ is not None and _from_driver(exc):
                raise Unavailable("the database cannot be reached; try again", retry_after_s=1) from exc
        raise


def _from_driver(exc: OSError) -> bool:
    """Whether an OSError was raised inside asyncpg's connect, which SQLAlchemy passes on unwrapped."""
    frame = exc.__traceback__
    while frame is not None:
        if "asyncpg" in frame.tb_frame.f_code.co_filename:
            return True
        frame = frame.tb_next
    return False


def _sqlstate(exc: DBAPIError) -> str | None:
    """PostgreSQL's code of an error; None on SQLite."""
    code = getattr(exc.orig, "sqlstate", None) or getattr(getattr(exc.orig, "__cause__", None), "sqlstate", None)
    return str(code) if code is not None else None


def is_unique_violation(exc: IntegrityError) -> bool:
    """Whether an integrity error is a unique or primary key violation, on either engine."""
    code = _sqlstate(exc)
    if code is not None:
        return bool(code == "23505")
    sqlite_code = getattr(exc.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
    return "UNIQUE constraint" in str(exc.orig)
