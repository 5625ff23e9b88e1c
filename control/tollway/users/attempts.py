"""Brakes guessing of passwords: 10 wrong tries per user, 30 per address, in 15 minutes.

A try is counted before the password is looked at, so that many at once cannot slip through, and taken back when it was
right. The table is bounded; when it is full the oldest entries go, which an attacker can only cause from as many
addresses as it has places.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from tollway.errors import RateLimited

WINDOW_S: Final = 900
TRIES_PER_USER: Final = 10
TRIES_PER_ADDRESS: Final = 30
ENTRIES_MAX: Final = 20_000


class Attempts:
    """In memory: one control process decides. A restart forgets, which costs an attacker more than it gives."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, user: str, address: str) -> None:
        """Count a try for both. Raises RateLimited, counting nothing, when either has none left."""
        now = self._clock()
        wanted = ((f"user:{user}", TRIES_PER_USER), (f"address:{address}", TRIES_PER_ADDRESS))
        waits = [self._wait(name, limit, now) for name, limit in wanted]
        if any(waits):
            raise RateLimited("too many wrong tries; wait before the next one", retry_after_s=math.ceil(max(waits)))
        for name, _ in wanted:
            self._tries.setdefault(name, deque()).append(now)
            self._tries.move_to_end(name)
        while len(self._tries) > ENTRIES_MAX:
            self._tries.popitem(last=False)

    def forgive(self, user: str, address: str) -> None:
        """The last try was right: the user starts afresh, the address gets that one try back."""
        self._tries.pop(f"user:{user}", None)
        of_address = self._tries.get(f"address:{address}")
        if of_address:
            of_address.pop()

    def _wait(self, name: str, limit: int, now: float) -> float:
        """Seconds until `name` may try again; 0 when it may now."""
        tries = self._tries.get(name)
        if tries is None:
            return 0
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        if not tries:
            del self._tries[name]
            return 0
        return tries[0] + WINDOW_S - now if len(tries) >= limit else 0
