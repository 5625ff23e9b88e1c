"""Brakes guessing: so many tries per name within a quarter of an hour; features say which names and how many.

Where good and bad tries look alike until they are judged, `count` comes first and `give_back` after a good one, so that
many at once cannot slip through. Where good tries may come many at once, `require_room` comes first and `count` after a
bad one. The table is bounded; when it is full the oldest entries go, which an attacker can only cause from as many
addresses as it has places.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Final

from tollway.errors import RateLimited

WINDOW_S: Final = 900
ENTRIES_MAX: Final = 20_000
_IPV6_PREFIX: Final = 64


def origin_of(address: str) -> str:
    """What counts as one address: of IPv6 its /64, because whoever has one address there has them all."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, ipaddress.IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip), _IPV6_PREFIX), strict=False))


class Brake:
    """In memory: one control process decides. A restart forgets, which costs an attacker more than it gives."""

    def __init__(self, refusal: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._refusal = refusal
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def require_room(self, limits: Mapping[str, int]) -> None:
        """Raises RateLimited when one of the names (name → tries it has) has none left."""
        now = self._clock()
        waits = [self._wait(name, limit, now) for name, limit in limits.items()]
        if any(waits):
            raise RateLimited(self._refusal, retry_after_s=math.ceil(max(waits)))

    def count(self, limits: Mapping[str, int]) -> None:
        """Count a try for each name. Raises RateLimited, counting nothing, when one has none left."""
        self.require_room(limits)
        now = self._clock()
        for name in limits:
            self._tries.setdefault(name, deque()).append(now)
            self._tries.move_to_end(name)
        while len(self._tries) > ENTRIES_MAX:
            self._tries.popitem(last=False)

    def give_back(self, name: str) -> None:
        """The last try of this name was no guess."""
        tries = self._tries.get(name)
        if tries:
            tries.pop()

    def forget(self, name: str) -> None:
        """This name starts afresh."""
        self._tries.pop(name, None)

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
