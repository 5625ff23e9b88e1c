"""Builds snapshots: whole, or as a delta between two generations. One read transaction, so one moment.

Accounts and keys are packed in chunks, and between chunks the loop goes on: a hundred thousand keys must not hold up
a lease request. The array's length is written when it is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, func, select

from tollway.crypto import Vault
from tollway.db.engine import ReadTx
from tollway.db.tables import ChangeRow, KeyRow, RevisionRow, table
from tollway.snapshot.rows import (
    Packed,
    account_row,
    account_select,
    group_rows,
    key_row,
    key_select,
    model_rows,
    upstream_rows,
)

FORMAT_VERSION: Final = 1
CHUNK_ROWS: Final = 2_000
# A delta that names more rows than this is no smaller than the whole in any way that matters.
DELTA_REFS_MAX: Final = 20_000
# SQLite takes 32,766 parameters in a statement, PostgreSQL's driver 32,767.
_IN_MAX: Final = 10_000

_encoder = msgspec.msgpack.Encoder()


async def current_generation(tx: ReadTx) -> int:
    """The newest generation."""
    return int(await tx.session.scalar(select(RevisionRow.generation)) or 0)


async def build_full(tx: ReadTx, vault: Vault) -> bytes:
    """A whole snapshot of this moment."""
    generation = await current_generation(tx)
    out = _head(generation, 0)
    _put(out, await group_rows(tx))
    _put(out, await model_rows(tx))
    _put(out, await upstream_rows(tx, vault))
    await _pack_all(tx, out, account_select(), account_row)
    await _pack_all(tx, out, key_select(), key_row)
    _put(out, [])
    return bytes(out)


async def build_delta(tx: ReadTx, vault: Vault, base: int) -> bytes | None:
    """What changed since `base`. None when only a whole snapshot will do: the log does not reach back, or is too
    long.
    """
    generation = await current_generation(tx)
    if not 0 < base < generation:
        return None
    c = table(ChangeRow).c
    since = select(c.kind, c.ref, c.digest).where(c.generation > base).distinct().limit(DELTA_REFS_MAX + 1)
    changes = (await tx.session.execute(since)).all()
    logged = await tx.session.scalar(select(func.count(c.generation.distinct())).where(c.generation > base))
    if logged != generation - base or len(changes) > DELTA_REFS_MAX:
        return None
    refs: dict[str, set[str]] = {}
    for kind, ref, _ in changes:
        refs.setdefault(kind, set()).add(ref)
    out = _head(generation, base)
    _put(out, await group_rows(tx) if "group" in refs else None)
    # Routes to an upstream that is gone are left out of the models, so the two tables travel together.
    _put(out, await model_rows(tx) if {"model", "upstream"} & refs.keys() else None)
    _put(out, await upstream_rows(tx, vault) if "upstream" in refs else None)
    accounts = account_select()
    _put(
        out, [account_row(row) for row in await _named(tx, accounts, accounts.selected_columns.id, refs.get("account"))]
    )
    keys = key_select()
    _put(out, [key_row(row) for row in await _named(tx, keys, keys.selected_columns.id, refs.get("key"))])
    _put(out, await _gone(tx, refs.get("key", set()), {digest for _, _, digest in changes if digest is not None}))
    return bytes(out)


async def _gone(tx: ReadTx, key_ids: set[str], digests: set[bytes]) -> list[bytes]:
    """Digests that no key has any more: those noted with a change, and those of changed keys that are deleted."""
    c = table(KeyRow).c
    deleted = select(c.id, c.digest).where(c.deleted_at.is_not(None))
    digests |= {digest for _, digest in await _named(tx, deleted, c.id, key_ids)}
    alive = select(c.id, c.digest).where(c.deleted_at.is_(None))
    return sorted(digests - {digest for _, digest in await _named(tx, alive, c.digest, digests)})


async def _named(
    tx: ReadTx, rows: Select[*tuple[Any, ...]], column: Any, names: set[str] | set[bytes] | None
) -> list[Row[*tuple[Any, ...]]]:
    found: list[Row[*tuple[Any, ...]]] = []
    wanted = sorted(names or ())
    for at in range(0, len(wanted), _IN_MAX):
        found += (await tx.session.execute(rows.where(column.in_(wanted[at : at + _IN_MAX])))).all()
    return found


def _head(generation: int, base: int) -> bytearray:
    out = bytearray([0x99])  # array of 9: version, generation, base, groups, models, upstreams, accounts, keys, gone
    for number in (FORMAT_VERSION, generation, base):
        _put(out, number)
    return out


def _put(out: bytearray, value: Any) -> None:
    _encoder.encode_into(value, out, -1)


async def _pack_all(
    tx: ReadTx, out: bytearray, rows: Select[*tuple[Any, ...]], pack: Callable[[Row[*tuple[Any, ...]]], Packed]
) -> None:
    """Append all rows as one array (32-bit length, filled in afterwards)."""
    out.append(0xDD)
    at = len(out)
    out += bytes(4)
    count = 0
    result = await tx.session.stream(rows.execution_options(yield_per=CHUNK_ROWS))
    async for chunk in result.partitions():
        count += len(chunk)
        _pack_chunk(out, chunk, pack)
        await asyncio.sleep(0)
    out[at : at + 4] = count.to_bytes(4, "big")


def _pack_chunk(
    out: bytearray, chunk: Sequence[Row[*tuple[Any, ...]]], pack: Callable[[Row[*tuple[Any, ...]]], Packed]
) -> None:
    for row in chunk:
        _encoder.encode_into(pack(row), out, -1)
