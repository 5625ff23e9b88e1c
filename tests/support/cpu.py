"""CPU time of a process by thread, from /proc: what the scheduler counted, in nanoseconds."""

from __future__ import annotations

from pathlib import Path


def by_thread(pid: int) -> dict[tuple[int, str], int]:
    """Thread id and name → nanoseconds on a processor since its start."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            found[int(task.name), name] = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def spent(before: dict[tuple[int, str], int], after: dict[tuple[int, str], int]) -> dict[str, int]:
    """Thread name → nanoseconds between two looks; threads of one name are added up."""
    sums: dict[str, int] = {}
    for (thread, name), now_ns in after.items():
        sums[name] = sums.get(name, 0) + now_ns - before.get((thread, name), 0)
    return sums
