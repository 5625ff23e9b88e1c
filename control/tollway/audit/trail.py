"""Records changes in the transaction that makes them, and proves that nobody rewrote the record.

hash = SHA-256(prev_hash ‖ canonical JSON of the row). A row changed, removed or put in between breaks the chain at that
place. Writers take turns on the last hash: SQLite has one writer anyway, PostgreSQL takes an advisory lock, as the last
lock of the transaction (record after everything else), so that it cannot be part of a deadlock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import select, text

from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AuditRow
from tollway.http.callers import Caller

GENESIS: Final = bytes(32)
VERIFY_BATCH: Final = 1_000
_ADVISORY_LOCK: Final = 0x7011_0A1D
_SECRET_NAMES: Final = frozenset({"secret", "password", "token", "sealed", "digest", "password_hash"})
# A change of these alone is no change of the resource.
_BOOKKEEPING: Final = frozenset({"version", "updated_at"})


class Break(msgspec.Struct, frozen=True):
    """Where the chain does not hold."""

    id: int
    reason: str


def body_of(view: msgspec.Struct) -> dict[str, Any]:
    """A view as plain JSON values with secrets struck out: what `before` and `after` hold."""
    body: dict[str, Any] = redact(msgspec.to_builtins(view))
    return body


def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a PATCH changed anything that somebody would call a change."""
    return any(before.get(name) != after.get(name) for name in before.keys() | after.keys() if name not in _BOOKKEEPING)


def redact(value: Any, *, inside_headers: bool = False) -> Any:
    """Strike out what may be secret: fields by name, and the values of all custom headers."""
    if isinstance(value, Mapping):
        return {
            name: "***"
            if (name in _SECRET_NAMES or inside_headers) and item is not None
            else redact(item, inside_headers=name == "headers")
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


async def record(
    tx: WriteTx,
    caller: Caller,
    action: str,
    object_id: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Append one row. Call it last in the transaction."""
    await tx.flush()
    if tx.session.get_bind().dialect.name == "postgresql":
        await tx.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    last = await tx.session.scalar(select(AuditRow.hash).order_by(AuditRow.id.desc()).limit(1))
    row = AuditRow(
        at=tx.now,
        actor=caller.id,
        action=action,
        object=object_id,
        before=redact(before) if before is not None else None,
        after=redact(after) if after is not None else None,
        request_id=caller.request_id,
        address=caller.address,
        prev_hash=last or GENESIS,
    )
    row.hash = _hash(row)
    tx.add(row)
    await tx.flush()


async def verify(tx: ReadTx) -> Break | None:
    """Walk the whole chain. None when it holds, else the first place where it does not."""
    expected, last_id = GENESIS, 0
    while True:
        rows = (
            await tx.session.scalars(
                select(AuditRow).where(AuditRow.id > last_id).order_by(AuditRow.id).limit(VERIFY_BATCH)
            )
        ).all()
        if not rows:
            return None
        for row in rows:
            if row.prev_hash != expected:
                return Break(row.id, "a row before this one was removed, added or changed")
            if row.hash != _hash(row):
                return Break(row.id, "this row was changed")
            expected, last_id = row.hash, row.id


def _hash(row: AuditRow) -> bytes:
    content = {
        "at": row.at.isoformat(timespec="microseconds"),
        "actor": row.actor,
        "action": row.action,
        "object": row.object,
        "before": row.before,
        "after": row.after,
        "request_id": row.request_id,
        "address": row.address,
    }
    return hashlib.sha256(row.prev_hash + msgspec.json.encode(content, order="sorted")).digest()
