"""Brakes guessing of passwords (10 wrong tries per user, 30 per address) and sign-ups (10 per address), in 15 minutes.

A sign-up is never given back: one that works makes rows, one that does not may tell whose e-mail is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tollway.http.brake import Brake, origin_of

TRIES_PER_USER: Final = 10
TRIES_PER_ADDRESS: Final = 30
SIGN_UPS_PER_ADDRESS: Final = 10


class Attempts:
    """Wrong passwords, by user and by address; sign-ups, by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._brake = Brake("too many wrong tries; wait before the next one", clock)
        self._sign_ups = Brake("too many sign-ups from this address; wait before the next one", clock)

    def take(self, user: str, address: str) -> None:
        """Count a try for both. Raises RateLimited, counting nothing, when either has none left."""
        self._brake.count({f"user:{user}": TRIES_PER_USER, f"address:{origin_of(address)}": TRIES_PER_ADDRESS})

    def forgive(self, user: str, address: str) -> None:
        """The last try was right: the user starts afresh, the address gets that one try back."""
        self._brake.forget(f"user:{user}")
        self._brake.give_back(f"address:{origin_of(address)}")

    def take_sign_up(self, address: str) -> None:
        """Count a sign-up from an address. Raises RateLimited, counting nothing, when it has none left."""
        self._sign_ups.count({f"address:{origin_of(address)}": SIGN_UPS_PER_ADDRESS})
