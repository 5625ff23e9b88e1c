"""How long to wait before a dead child is started again.

Decides: 100 ms, doubling to 5 s; a child that lived for 30 s was healthy and starts the row anew. A child that dies at
once is thus tried often enough to come back quickly, and seldom enough not to burn a processor or flood the log.
"""

from __future__ import annotations

FIRST_MS = 100
MAX_MS = 5_000
HEALTHY_AFTER_MS = 30_000


class Backoff:
    """The waits of one child."""

    def __init__(
        self, first_ms: int = FIRST_MS, max_ms: int = MAX_MS, healthy_after_ms: int = HEALTHY_AFTER_MS
    ) -> None:
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._healthy_after_ms = healthy_after_ms
        self._next_ms = first_ms

    def after(self, ran_ms: float) -> int:
        """The wait in ms after a child that ran for `ran_ms`."""
        if ran_ms >= self._healthy_after_ms:
            self._next_ms = self._first_ms
        wait_ms = self._next_ms
        self._next_ms = min(self._next_ms * 2, self._max_ms)
        return wait_ms
