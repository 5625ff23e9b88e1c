"""The audit log as it is read: newest first, filtered, the same for the API and for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import AuditRow
from tollway.http.lists import ListQuery, Page, after, like, to_page


class AuditView(msgspec.Struct):
    """One change. `hash` is SHA-256 in hex, over the row and the hash before it."""

    id: str
    at: datetime
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    address: str
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> AuditView:
        """From its row."""
        return cls(
            id=str(row.id),
            at=row.at,
            actor=row.actor,
            action=row.action,
            object=row.object,
            before=row.before,
            after=row.after,
            request_id=row.request_id,
            address=row.address,
            prev_hash=row.prev_hash.hex(),
            hash=row.hash.hex(),
        )


async def list_page(tx: ReadTx, page: ListQuery, *, actor: str | None, object_id: str | None) -> Page[AuditView]:
    """One page, newest first; `actor` and `object_id` filter exactly, `q` anywhere in action or object."""
    wanted = select(AuditRow)
    if actor is not None:
        wanted = wanted.where(AuditRow.actor == actor)
    if object_id is not None:
        wanted = wanted.where(AuditRow.object == object_id)
    if page.q:
        wanted = wanted.where(like((AuditRow.action, AuditRow.object), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (AuditRow.id,), (int,), newest_first=True))).all()
    return to_page(rows, page, AuditView.of, lambda row: (row.id,))
