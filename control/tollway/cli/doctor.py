"""`tollway doctor`: what would keep this installation from running well, and how to mend each thing.

Decides the checks. Each is independent of the others and changes nothing; one that cannot be made is a finding itself.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import resource
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from tollway import __version__, sockets
from tollway.cli.database import newest_schema, schema_of
from tollway.cli.status import fetch
from tollway.db import Database
from tollway.errors import SettingsError, TollwayError
from tollway.settings import Settings

OPEN_FILES_WANTED = 8_192
DISK_BYTES_WANTED = 1024 * 1024 * 1024
# Before this version was made: a clock that shows less was never set.
CLOCK_EARLIEST = 1_767_225_600
_LIBRARIES = ("robyn", "granian", "litestar", "sqlalchemy", "cryptography")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `mend` says what to do, when it is not ok."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


async def examine(settings: Settings) -> dict[str, Any]:
    """All checks: `{"ok", "checks": [{"name", "ok", "detail", "mend"}]}`."""
    made: list[Callable[[Settings], Awaitable[Check]]] = [
        _versions,
        _core,
        _data,
        _port,
        _database,
        _open_files,
        _clock,
    ]
    checks = [await check(settings) for check in made]
    return {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}


def lines(found: dict[str, Any]) -> list[str]:
    shown = []
    for check in found["checks"]:
        shown.append(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']}: {check['detail']}")
        if not check["ok"]:
            shown.append(f"      → {check['mend']}")
    return shown


async def _versions(_: Settings) -> Check:
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    return Check("versions", True, f"tollway {__version__}, Python {python}, {libraries}")


async def _core(_: Settings) -> Check:
    try:
        found = importlib.util.find_spec("tollway._core")
    except ImportError:
        found = None
    if found is None:
        return Check("core", False, "the Rust core is not built", "run: make build")
    return Check("core", True, "the Rust core is built")


async def _data(settings: Settings) -> Check:
    folder = settings.data_path
    if not folder.exists():
        return Check("data folder", True, f"{folder} will be made at the first start")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(
            "data folder", False, f"{folder} cannot be written", "give it to this user, or choose another --data"
        )
    secret = folder / "secret.key"
    if secret.exists() and secret.stat().st_mode & 0o077:
        return Check("data folder", False, f"others may read {secret}", f"run: chmod 600 {secret}")
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free // 1024**2} MiB free"
    return Check(
        "data folder", free >= DISK_BYTES_WANTED, detail, "free some space: the journal and the database need it"
    )


async def _port(settings: Settings) -> Check:
    where = f"{settings.host}:{settings.port}"
    try:
        sockets.require_free(settings.host, settings.port, "--port")
    except sockets.PortTaken as error:
        served = fetch(settings.base_url)
        if "reason" not in served:
            return Check("port", True, f"{where} is served by tollway {served['version']}, {served['status']}")
        return Check("port", False, str(error), "stop what listens there, or choose another with --port")
    except SettingsError as error:
        return Check("port", False, str(error), "choose another address or port")
    return Check("port", True, f"{where} is free")


async def _database(settings: Settings) -> Check:
    if not settings.dsn and not (settings.data_path / "tollway.db").exists():
        return Check("database", True, "SQLite, will be made at the first start")
    kind = settings.database_dsn.split(":", 1)[0].split("+", 1)[0]
    try:
        database = Database(settings.database_dsn, wait_ms=settings.db_wait_ms)
        try:
            schema = await schema_of(database.engine)
        finally:
            await database.close()
    except (TollwayError, SettingsError, OSError) as error:
        return Check(
            "database", False, f"{kind}: {error}", "see that the server runs and that dsn (TOLLWAY_DSN) is right"
        )
    except Exception as error:  # noqa: BLE001  # a driver's own; its text may hold the DSN
        return Check("database", False, f"{kind}: {type(error).__name__}", "see that dsn (TOLLWAY_DSN) is right")
    newest = newest_schema()
    detail = f"{kind}, schema {schema or 'none'}, newest {newest}"
    return Check("database", schema == newest, detail, "run: tollway migrate (each start does so by itself)")


async def _open_files(_: Settings) -> Check:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    shown = "no limit" if hard == resource.RLIM_INFINITY else str(hard)
    enough = hard == resource.RLIM_INFINITY or hard >= OPEN_FILES_WANTED
    mend = (
        f"raise the hard limit to {OPEN_FILES_WANTED} or more (LimitNOFILE= in systemd, ulimit -Hn): a stream needs two"
    )
    return Check("open files", enough, shown, mend)


async def _clock(_: Settings) -> Check:
    now = time.time()
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return Check(
        "clock", now >= CLOCK_EARLIEST, shown, "set the clock (timedatectl set-ntp true): expiry and ids need it"
    )
