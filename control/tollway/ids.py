"""Ids: a prefix that says what they name, and a ULID that sorts by time of birth.

Text form (API, database): `key_01J8…`, Crockford base 32, 26 characters. Between the halves (msgpack): the ULID's 16
bytes, big-endian; the field says which prefix belongs to it. Both forms are exact images of each other.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Literal

Prefix = Literal["acc", "cred", "code", "inv", "key", "node", "price", "req", "tok", "txn", "usr"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class _ToBase32(dict[int, str]):
    """Crockford's digits to those of int(); anything else to one that is none."""

    def __missing__(self, _code: int) -> str:
        return "!"


_TO_BASE32 = _ToBase32(zip(map(ord, _ALPHABET), "0123456789abcdefghijklmnopqrstuv", strict=True))
ULID_CHARS = 26
ULID_BYTES = 16
_RANDOM_BITS = 80

_lock = threading.Lock()
_last = 0


def new_id(prefix: Prefix) -> str:
    """A fresh id. Ids made by one process ascend strictly, also within a millisecond (ULID's monotonic form)."""
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big")
        # A clock that stands still or steps back must not reorder ids: count on from the last one instead.
        _last = fresh if fresh > _last else _last + 1
        value = _last
    return f"{prefix}_{_encode(value)}"


def to_bytes(text: str, prefix: Prefix | None = None) -> bytes:
    """The 16 bytes of an id. Raises ValueError when the prefix is another one or the ULID is malformed."""
    head, _, ulid = text.rpartition("_")
    if prefix is not None and head != prefix:
        raise ValueError(f"expected an id that starts with {prefix}_")
    return _decode(ulid).to_bytes(ULID_BYTES, "big")


def from_bytes(raw: bytes, prefix: Prefix) -> str:
    """The text form of 16 bytes. Raises ValueError when it is not 16 bytes."""
    if len(raw) != ULID_BYTES:
        raise ValueError(f"an id is {ULID_BYTES} bytes, not {len(raw)}")
    return f"{prefix}_{_encode(int.from_bytes(raw, 'big'))}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` is a well-formed id of that kind (not whether such a thing exists)."""
    try:
        to_bytes(text, prefix)
    except ValueError:
        return False
    return True


def _encode(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def _decode(ulid: str) -> int:
    if len(ulid) != ULID_CHARS or ulid[0] > "7":  # 26 × 5 = 130 bits: the first character carries only 3
        raise ValueError("an id ends in a ULID of 26 characters")
    # int() reads base 32 with the digits 0-9a-v, twenty times faster than a loop here; all else becomes "!", which it
    # refuses (it would take lower case, underscores and foreign digits).
    try:
        return int(ulid.translate(_TO_BASE32), 32)
    except ValueError:
        raise ValueError("an id ends in a ULID in upper-case Crockford base 32") from None
