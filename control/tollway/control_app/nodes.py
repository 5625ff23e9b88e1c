"""`/api/admin/nodes`: the gateway processes that have said hello."""

from __future__ import annotations

from litestar import Router, get

from tollway.http.deps import Ctx, Paging
from tollway.http.lists import Page
from tollway.nodes import listing
from tollway.nodes.listing import NodeView


@get("/", summary="List gateway nodes")
async def list_nodes(ctx: Ctx, page: Paging) -> Page[NodeView]:
    """By id, newest epoch first."""
    async with ctx.db.read_tx() as tx:
        return await listing.list_page(tx, page)


router = Router("/api/admin/nodes", route_handlers=[list_nodes], tags=["nodes"])
