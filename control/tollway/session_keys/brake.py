"""Bounds how often a person mints: each time writes a row, and every gateway takes the change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tollway.http.brake import Brake
from tollway.http.callers import Caller

# A page mints when it is opened and again when its key has run out; this is a page every three seconds.
MINTS_MAX: Final = 300


class Mints:
    """Mints by person, within the brake's quarter of an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._brake = Brake("too many short-lived keys; wait before the next one", clock)

    def count(self, caller: Caller) -> None:
        """Raises RateLimited, counting nothing, when this person has none left."""
        self._brake.count({f"user:{caller.id}": MINTS_MAX})
