"""Small files other processes read: pid files and ids, replaced whole or not at all.

Decides how a file is replaced (temporary file beside it, fsync, rename, fsync of the folder: after a crash there is the
old one or the new one, never half of either) and who may remove a pid file (only the process that it names).
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomic(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replaces `path`. Readers see the old content or the new; a crash leaves one of the two."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)


def fsync_dir(folder: Path) -> None:
    """Makes renames and removals in `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits for the lock file `path`; the kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def try_lock(path: Path) -> int | None:
    """Takes the lock file `path` for the life of this process: its descriptor, or None when another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


class PidFile:
    """`DATA/run/NAME.pid`: the pid in decimal and a line break."""

    def __init__(self, data: Path, name: str) -> None:
        self.path = data / "run" / f"{name}.pid"

    def write(self, pid: int) -> None:
        write_atomic(self.path, f"{pid}\n".encode(), mode=0o644)

    def read(self) -> int | None:
        """The pid it names; None when there is no such file, or not one of ours."""
        try:
            return int(self.path.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def remove(self, pid: int) -> None:
        """Removes it if it still names `pid`: a successor may have put its own there already."""
        if self.read() == pid:
            self.path.unlink(missing_ok=True)
