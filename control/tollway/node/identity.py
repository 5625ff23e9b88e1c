"""Who this gateway process is: node, epoch, journal folder.

Decides that the data directory is the node (`DATA/node/id`, made once) and that every process on it takes the next
epoch (`DATA/node/epoch`, raised under a lock and on disk before it is used). (node, epoch, seq) is the idempotency key
of money: an epoch that was given out twice could charge one request's id for another's, so the increment is fsynced
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tollway import ids
from tollway.errors import SettingsError
from tollway.runfiles import locked, write_atomic


class BadIdentity(SettingsError):
    """The files exist but do not read as what we wrote: never guess an epoch, say which file to look at."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One gateway process. `journal_dir` exists and is its own; the core locks it while it lives."""

    node: str
    epoch: int
    journal_dir: Path


def claim(data: Path) -> Identity:
    """Takes the next epoch of this data directory. Safe against other processes that do so at the same time."""
    folder = data / "node"
    with locked(folder / "lock"):
        node = _node_id(folder / "id")
        epoch = _last_epoch(folder / "epoch") + 1
        write_atomic(folder / "epoch", f"{epoch}\n".encode())
    journal_dir = data / "journal" / str(epoch)
    journal_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Identity(node, epoch, journal_dir)


def _node_id(path: Path) -> str:
    try:
        node = path.read_text("ascii").strip()
    except FileNotFoundError:
        node = ids.new_id("node")
        write_atomic(path, f"{node}\n".encode())
        return node
    except UnicodeDecodeError:
        node = ""
    if not ids.is_id(node, "node"):
        raise BadIdentity(f"{path} does not hold a node id: restore it, or give this gateway a fresh data directory")
    return node


def _last_epoch(path: Path) -> int:
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return 0
    except UnicodeDecodeError:
        text = ""
    if not text.isdigit():
        raise BadIdentity(f"{path} does not hold an epoch: restore it with a number above every folder in journal/")
    return int(text)
