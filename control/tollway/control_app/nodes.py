"""`/api/admin/nodes`: the gateway processes that have said hello."""

from __future__ import annotations

from datetime import datetime

import msgspec
from litestar import Router, get
from sqlalchemy import select

from tollway.db.tables import NodeRow
from tollway.http.deps import Ctx, Paging
from tollway.http.lists import Page, after, like, to_page


class NodeView(msgspec.Struct):
    """One gateway process: a data folder's node at an epoch. `generation` is the snapshot it last said it has."""

    id: str
    epoch: int
    address: str
    version: str
    generation: int
    state: str
    started_at: datetime
    last_seen_at: datetime


def _view(row: NodeRow) -> NodeView:
    return NodeView(
        row.id, row.epoch, row.address, row.version, row.generation, row.state, row.started_at, row.last_seen_at
    )


@get("/", summary="List gateway nodes")
async def list_nodes(ctx: Ctx, page: Paging) -> Page[NodeView]:
    """By id, newest epoch first."""
    wanted = select(NodeRow)
    if page.q:
        wanted = wanted.where(like((NodeRow.id, NodeRow.address), page.q))
    keys = (NodeRow.id, NodeRow.epoch)
    async with ctx.db.read_tx() as tx:
        rows = (await tx.session.scalars(after(wanted, page, keys, (str, int), newest_first=True))).all()
    return to_page(rows, page, _view, lambda row: (row.id, row.epoch))


router = Router("/api/admin/nodes", route_handlers=[list_nodes], tags=["nodes"])
