"""Reading the audit log, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter
from sqlalchemy import select

from tollway.db.tables import AuditRow
from tollway.http.deps import Ctx, Paging
from tollway.http.lists import Page, after, like, to_page


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


def _view(row: AuditRow) -> AuditView:
    return AuditView(
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


@get("/", summary="The audit log")
async def list_audit(
    ctx: Ctx,
    page: Paging,
    actor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    object_id: Annotated[str | None, QueryParameter(name="object", max_length=128)] = None,
) -> Page[AuditView]:
    """Newest first; `actor` and `object` filter exactly, `q` anywhere in action or object."""
    wanted = select(AuditRow)
    if actor is not None:
        wanted = wanted.where(AuditRow.actor == actor)
    if object_id is not None:
        wanted = wanted.where(AuditRow.object == object_id)
    if page.q:
        wanted = wanted.where(like((AuditRow.action, AuditRow.object), page.q))
    async with ctx.db.read_tx() as tx:
        rows = (await tx.session.scalars(after(wanted, page, (AuditRow.id,), (int,), newest_first=True))).all()
    return to_page(rows, page, _view, lambda row: (row.id,))


router = Router("/api/admin/audit", route_handlers=[list_audit], tags=["audit"])
