"""A private PostgreSQL server for tests: its own folder, its own loopback port, thrown away at the end.

`TOLLWAY_TEST_DSN` names a server to use instead (its user must be allowed to create databases). Without a server
program the tests that need one are skipped with the reason; `TOLLWAY_REQUIRE_SERVICES=1` turns that skip into a
failure.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.support.services import missing

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


@contextmanager
def server() -> Iterator[str]:
    """The DSN of a running server, without a database name."""
    given = os.environ.get("TOLLWAY_TEST_DSN", "")
    if given:
        yield given.rstrip("/")
        return
    programs = _programs()
    if programs is None:
        missing("no PostgreSQL server program (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="tollway-pg-"))
    folder.chmod(0o755)
    try:
        with _running(programs, folder) as port:
            yield f"postgresql://tollway@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_database(dsn: str, name: str, template: str = "template0") -> str:
    """Make a database from a template and return its DSN."""
    asyncio.run(_execute(f"{dsn}/postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return f"{dsn}/{name}"


def drop_database(dsn: str, name: str) -> None:
    """Remove a database, cutting what is still connected."""
    asyncio.run(_execute(f"{dsn}/postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def _running(programs: Path, folder: Path) -> Iterator[int]:
    data = folder / "data"
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    init = [str(programs / "initdb"), "-D", str(data), "-U", "tollway", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run([*as_user, *init], check=True, capture_output=True, timeout=START_SECONDS_MAX, cwd=folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    # Durability is the server's own affair; what these tests ask is what transactions mean, so syncs are off.
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=100 -c shared_buffers=32MB"
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
    start = [*control, "-l", str(folder / "log"), "-o", options, "-t", str(START_SECONDS_MAX), "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS_MAX + 5, cwd=folder)
    try:
        yield port
    finally:
        stop = [*control, "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, timeout=STOP_SECONDS_MAX, cwd=folder)
