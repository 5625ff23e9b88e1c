"""The gateway processes that have said hello, as operators see them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import NodeRow
from tollway.http.lists import ListQuery, Page, after, like, to_page


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

    @classmethod
    def of(cls, row: NodeRow) -> NodeView:
        """From its row."""
        return cls(
            row.id, row.epoch, row.address, row.version, row.generation, row.state, row.started_at, row.last_seen_at
        )


async def list_page(tx: ReadTx, page: ListQuery) -> Page[NodeView]:
    """One page, by id, newest epoch first; `q` in id and address."""
    wanted = select(NodeRow)
    if page.q:
        wanted = wanted.where(like((NodeRow.id, NodeRow.address), page.q))
    keys = (NodeRow.id, NodeRow.epoch)
    rows = (await tx.session.scalars(after(wanted, page, keys, (str, int), newest_first=True))).all()
    return to_page(rows, page, NodeView.of, lambda row: (row.id, row.epoch))
