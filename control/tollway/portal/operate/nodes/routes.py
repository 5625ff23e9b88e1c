"""`/operate/nodes`: the gateway processes, which snapshot each has, and when it was last heard of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from litestar import Request, Response, get

from tollway.http.access import Access
from tollway.http.changes import current_generation
from tollway.http.deps import Ctx, Paging
from tollway.nodes import listing
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking

LIST: Final = "/operate/nodes"


@get(LIST)
async def list_nodes(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """By id, newest epoch first. A process counts as running while it was heard of lately."""
    async with ctx.db.read_tx() as tx:
        found = await listing.list_page(tx, page)
        generation = await current_generation(tx)
        oldest = tx.now - timedelta(milliseconds=ctx.settings.node_seen_ms)
    return render(
        request,
        viewer,
        "operate/nodes/list.html",
        page=found,
        generation=generation,
        running={(node.id, node.epoch) for node in found.data if node.state == "up" and node.last_seen_at >= oldest},
    )


HANDLERS: Final = (list_nodes,)
ACCESS: Final = {("GET", LIST): Access.AUDITOR}
