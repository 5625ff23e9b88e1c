"""What this process asks of the kernel: open files, thread priorities, not outliving its supervisor.

Decides that Python gives way to the data path: every thread that is not the core's (`core-…`) runs at nice +10.
Measured: with that, Python working hard on the core's own CPU leaves p50 and p99 as they are; raising the core's
threads instead made them worse. New threads inherit the niceness of the one that starts them, so the core must start
before this is applied.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

PYTHON_NICE = 10
CORE_THREAD_PREFIX = "core-"
_PR_SET_PDEATHSIG = 1


def raise_open_files() -> int:
    """Soft limit on open files up to the hard one: the limit in force. Every stream needs two descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def thread_ids() -> frozenset[int]:
    """The threads of this process, as the kernel numbers them."""
    return frozenset(int(task.name) for task in Path("/proc/self/task").iterdir())


def lower_python_threads(spared: frozenset[int]) -> list[int]:
    """Puts all threads but the core's at nice +10; the ids it changed. Call again once a framework started its own.

    `spared`: those born while the core started. A thread gets its name only once it runs itself, so right after the
    start the core's cannot be told by name yet, and what was lowered cannot be raised again without privileges.
    """
    changed: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            name = (task / "comm").read_text().rstrip("\n")
            thread = int(task.name)
            if (
                thread in spared
                or name.startswith(CORE_THREAD_PREFIX)
                or os.getpriority(os.PRIO_PROCESS, thread) >= PYTHON_NICE
            ):
                continue
            os.setpriority(os.PRIO_PROCESS, thread, PYTHON_NICE)
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we looked
        changed.append(thread)
    return changed


def die_with_parent(parent: int) -> None:
    """SIGTERM to us when the supervisor `parent` dies, however it dies: no orphan keeps the port or the journal."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
