"""Passwords: argon2id (RFC 9106), off the event loop, a few at a time because each takes 64 MiB."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Annotated, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Meta

CHARS_MIN: Final = 8
CHARS_MAX: Final = 1024
AT_ONCE_MAX: Final = 2

Password = Annotated[str, Meta(min_length=CHARS_MIN, max_length=CHARS_MAX)]
# What is tried at sign-in may be anything; only its length is bounded.
PasswordTry = Annotated[str, Meta(max_length=CHARS_MAX)]

_hasher = PasswordHasher()  # the library's defaults are RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def hash_password(password: str) -> str:
    """The text that is stored."""
    async with _turn():
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the one. Takes the same time when there is none to compare with."""
    async with _turn():
        return await asyncio.to_thread(_verify, stored, password)


def _verify(stored: str | None, password: str) -> bool:
    try:
        _hasher.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    """Verified when there is no such user, so that the answer takes as long."""
    return _hasher.hash("nobody has this password")


def _turn() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    turn = _turns.get(loop)
    if turn is None:
        _turns.clear()  # a loop that is gone needs no turns
        turn = _turns[loop] = asyncio.Semaphore(AT_ONCE_MAX)
    return turn
