"""Where the programs are that some tests drive: PostgreSQL, Redis, nginx, Chromium, Node.

A test that needs one says `need("postgres")` and gets the program's path. Where it is missing the test is skipped with
the reason; with TOLLWAY_REQUIRE_SERVICES=1 (CI) it fails instead, so that a missing install step cannot hide as a skip.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# service -> (programs, first found wins; folders besides PATH; Debian's package)
SERVICES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "postgres": (("postgres",), ("usr/lib/postgresql/*/bin",), "postgresql"),
    "redis": (("redis-server",), ("usr/bin",), "redis-server"),
    "nginx": (("nginx",), ("usr/sbin",), "nginx-light"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), ("usr/bin",), "chromium"),
    "node": (("node",), ("usr/bin",), "nodejs"),
    "npm": (("npm",), ("usr/bin",), "npm"),
}


def find(service: str) -> Path | None:
    """The program of a service, or None. The newest version wins where several are installed side by side."""
    programs, folders, _package = SERVICES[service]
    for program in programs:
        if found := shutil.which(program):
            return Path(found)
        for folder in folders:
            installed = [path for path in Path("/").glob(f"{folder}/{program}") if os.access(path, os.X_OK)]
            if installed:
                return max(installed, key=_version)
    return None


def missing(reason: str) -> NoReturn:
    """Skips for want of a service, or fails where services are required."""
    if os.environ.get("TOLLWAY_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason}, and TOLLWAY_REQUIRE_SERVICES=1 requires it", pytrace=False)
    pytest.skip(reason)


def need(service: str) -> Path:
    """The program of a service; skips the calling test where it is missing, or fails it when services are required."""
    if found := find(service):
        return found
    missing(f"{service} is not here (Debian: apt-get install {SERVICES[service][2]})")


def _version(path: Path) -> int:
    """The number in a path such as usr/lib/postgresql/15/bin; 0 without one."""
    return max((int(part) for part in path.parts if part.isdigit()), default=0)
