"""The seam to the Rust core: what the host needs of it, and the one place that loads it.

Decides that the rest of the package knows the core only as this protocol, so that the life cycle is tested with a
stand-in in the same real process. Bytes in, bytes out; every call releases the GIL.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Core(Protocol):
    """`tollway._core.Core`, as ARCHITECTURE.md states it."""

    def start(self) -> None: ...

    def apply(self, snapshot: bytes) -> bytes:
        """The JSON of an accepted snapshot; ValueError with JSON when it is refused whole."""
        ...

    def status(self) -> bytes: ...

    def drain(self, timeout_ms: int) -> bool:
        """Stops accepting, lets running requests end: True when all did so in time."""
        ...

    def stop(self) -> None:
        """Flushes the journal and the last report, ends the core's threads."""
        ...


CoreFactory = Callable[[bytes], Core]


def load_core(config: bytes) -> Core:
    """Builds the real core. Imported here, not at the top: commands that need no core must not pay for loading it."""
    from tollway._core import Core as RustCore

    return RustCore(config)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the core did not take a snapshot; the old one goes on."""

    status: int
    body: bytes


def refusal(error: ValueError) -> Refused:
    """409 for a generation that does not follow (the publisher sends a whole one), 422 for content that is wrong."""
    try:
        reason = json.loads(str(error))
    except ValueError:
        reason = None
    if not isinstance(reason, dict) or "code" not in reason:
        reason = {"code": "bad_snapshot", "message": str(error)}
    return Refused(409 if reason["code"] == "generation_gap" else 422, json.dumps(reason).encode())


def ensure_journal(journal_dir: Path) -> str:
    """The folder as the core wants it: absolute, since the process may run anywhere."""
    return str(journal_dir.resolve())
