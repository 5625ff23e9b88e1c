"""One gateway process at a time: what it reports is handled in one order, and a closed epoch stays closed.

The row (node, epoch) is locked for the length of the transaction, so that two copies of one report cannot interleave.
"""

from __future__ import annotations

from sqlalchemy import select

from tollway.db.engine import WriteTx
from tollway.db.tables import NodeRow
from tollway.db.upsert import upsert


async def lock_epoch(tx: WriteTx, node_id: str, epoch: int) -> bool:
    """Take the epoch's lock, making its row when this is the first that is heard of it. True while it is open."""
    first = {"address": "", "version": "", "generation": 0, "state": "up"}
    seen = {"started_at": tx.now, "last_seen_at": tx.now}
    new = upsert(tx, NodeRow).values(id=node_id, epoch=epoch, **first, **seen)
    await tx.session.execute(new.on_conflict_do_nothing())
    mine = select(NodeRow.state).where(NodeRow.id == node_id, NodeRow.epoch == epoch).with_for_update()
    return await tx.session.scalar(mine) == "up"
