"""Waiting for what another process does: poll with a deadline, never sleep and hope."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.01
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, within_s: float = 10.0) -> T:
    """The first true result of `look`; AssertionError naming `what` when there is none in time."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s} s for: {what}")
        pause.wait(POLL_S)
    return found


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
