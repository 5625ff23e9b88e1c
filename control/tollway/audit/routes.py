"""`/api/admin/audit`: reading the audit log, newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from tollway.audit import listing
from tollway.audit.listing import AuditView
from tollway.http.deps import Ctx, Paging
from tollway.http.lists import Page


@get("/", summary="The audit log")
async def list_audit(
    ctx: Ctx,
    page: Paging,
    actor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    object_id: Annotated[str | None, QueryParameter(name="object", max_length=128)] = None,
) -> Page[AuditView]:
    """Newest first; `actor` and `object` filter exactly, `q` anywhere in action or object."""
    async with ctx.db.read_tx() as tx:
        return await listing.list_page(tx, page, actor=actor, object_id=object_id)


router = Router("/api/admin/audit", route_handlers=[list_audit], tags=["audit"])
