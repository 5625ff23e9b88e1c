"""The first three numbers of a snapshot, and how a whole one and its deltas become one whole again.

Decides that Python looks no deeper into a snapshot than it must: the core has accepted the bytes, here they are only
filed. Merging copies rows as raw bytes; a row is known by its first field (account id, key digest, table rows are
whole).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

FORMAT = 1
_MESSAGE = tuple[
    int, int, int, msgspec.Raw, msgspec.Raw, msgspec.Raw, list[msgspec.Raw], list[msgspec.Raw], list[bytes]
]
_decode = msgspec.msgpack.Decoder(_MESSAGE).decode
_encode = msgspec.msgpack.Encoder().encode
_NIL = b"\xc0"
_BIN8 = 0xC4
# Widths of a msgpack unsigned integer by its first byte; below 0x80 the byte is the number.
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}


@dataclass(frozen=True, slots=True)
class Head:
    """`base` 0: a whole snapshot; else a delta on exactly that generation."""

    generation: int
    base: int


def read_head(body: bytes) -> Head:
    """The head of a snapshot of this format. ValueError when it is none."""
    if len(body) < 4 or body[0] & 0xF0 != 0x90 or body[0] & 0x0F < 3:
        raise ValueError("not a snapshot: an array of at least three was expected")
    version, at = _uint(body, 1)
    generation, at = _uint(body, at)
    base, _ = _uint(body, at)
    if version != FORMAT:
        raise ValueError(f"snapshot format {version}, this gateway reads {FORMAT}")
    return Head(generation, base)


def merge(whole: bytes, deltas: Sequence[bytes]) -> bytes:
    """The whole snapshot that `whole` and `deltas`, in order, amount to. ValueError when they do not fit."""
    try:
        version, generation, _, groups, models, upstreams, accounts, keys, _ = _decode(whole)
        tables = [groups, models, upstreams]
        account_rows = {_first_field(row): row for row in accounts}
        key_rows = {_first_field(row): row for row in keys}
        for body in deltas:
            _, following, base, *changed, more_accounts, more_keys, gone = _decode(body)
            if base != generation:
                raise ValueError(f"a delta on generation {base} does not fit {generation}")
            generation = following
            tables = [old if bytes(new) == _NIL else new for old, new in zip(tables, changed, strict=True)]
            account_rows.update((_first_field(row), row) for row in more_accounts)
            key_rows.update((_first_field(row), row) for row in more_keys)
            _drop(key_rows, gone)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a snapshot: {error}") from error
    return _encode((version, generation, 0, *tables, list(account_rows.values()), list(key_rows.values()), []))


def _drop(rows: dict[bytes, msgspec.Raw], gone: Iterable[bytes]) -> None:
    for digest in gone:
        rows.pop(digest, None)


def _first_field(row: msgspec.Raw) -> bytes:
    """The leading `bin` of a row of fewer than 16 fields: array header, 0xc4, length, bytes."""
    view = memoryview(row)
    if len(view) < 3 or view[0] & 0xF0 != 0x90 or view[1] != _BIN8 or len(view) < 3 + view[2]:
        raise ValueError("a row does not begin with its id")
    return bytes(view[3 : 3 + view[2]])


def _uint(body: bytes, at: int) -> tuple[int, int]:
    first = body[at] if at < len(body) else 0xC1
    if first < 0x80:
        return first, at + 1
    width = _UINT_BYTES.get(first, 0)
    if not width or len(body) < at + 1 + width:
        raise ValueError("not a snapshot: an unsigned number was expected")
    return int.from_bytes(body[at + 1 : at + 1 + width], "big"), at + 1 + width
