"""Brakes guessing of codes: ten unknown ones per account or address in 15 minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tollway.http.brake import Brake, origin_of
from tollway.http.callers import Caller

UNKNOWN_MAX: Final = 10


class Guesses:
    """Unknown codes, by account and by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._brake = Brake("too many unknown codes; wait before the next one", clock)

    def require_room(self, caller: Caller) -> None:
        """Raises RateLimited when the account or the address has used up its guesses."""
        self._brake.require_room(_limits(caller))

    def count(self, caller: Caller) -> None:
        """The code was unknown. Raises RateLimited when others, at the same moment, used up the guesses."""
        self._brake.count(_limits(caller))


def _limits(caller: Caller) -> dict[str, int]:
    return dict.fromkeys((f"account:{caller.account}", f"address:{origin_of(caller.address)}"), UNKNOWN_MAX)
