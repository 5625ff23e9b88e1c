"""Rules of the inner endpoints. Each call is one transaction; an answer is given only after it is kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from tollway.db.engine import Database
from tollway.db.tables import NodeRow, RevisionRow
from tollway.db.upsert import upsert
from tollway.ids import from_bytes
from tollway.ledger import (
    Grant,
    close_epoch,
    grant_lease,
    note_held,
    return_leases,
    settle_batch,
    take_recalls,
)
from tollway.nodes.schemas import Hello, HelloAnswer, LeaseWish, Report, ReportAnswer, raw_accounts

WANT_NANO_MAX: Final = 2**62


async def hello(db: Database, said: Hello) -> HelloAnswer:
    """Note that a process lives and where its node API is. An epoch that said `final` stays closed."""
    async with db.write_tx() as tx:
        row = {
            "address": said.address,
            "version": said.version,
            "generation": said.generation,
            "last_seen_at": tx.now,
        }
        first = upsert(tx, NodeRow).values(id=said.node, epoch=said.epoch, state="up", started_at=tx.now, **row)
        await tx.session.execute(first.on_conflict_do_update(index_elements=["id", "epoch"], set_=row))
        generation = await tx.session.scalar(select(RevisionRow.generation))
    return HelloAnswer(int(generation or 0))


async def lease(db: Database, wish: LeaseWish) -> Grant:
    """Lend a slice of a wallet."""
    async with db.write_tx() as tx:
        account_id = from_bytes(wish.account, "acc")
        return await grant_lease(tx, wish.node, wish.epoch, wish.seq, account_id, min(wish.want, WANT_NANO_MAX))


async def report(db: Database, said: Report) -> ReportAnswer:
    """Settle, then take back, then note holds, then close: in this order a lease pays before it returns."""
    async with db.write_tx() as tx:
        await settle_batch(tx, said.node, said.epoch, said.settles)
        parts = [(seq, from_bytes(account, "acc"), nano) for seq, account, nano in said.returned]
        await return_leases(tx, said.node, said.epoch, parts)
        await note_held(tx, said.node, said.epoch, [(from_bytes(account, "acc"), nano) for account, nano in said.held])
        if said.final:
            await close_epoch(tx, said.node, said.epoch)
        recalled = await take_recalls(tx, said.node, said.epoch)
    return ReportAnswer(len(said.settles), raw_accounts(recalled))
