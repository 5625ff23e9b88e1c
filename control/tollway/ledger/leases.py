"""Leases: slices of a wallet that a gateway process may spend without asking.

A lease moves available → escrow and is the node's from then on: no timeout gives it back, only the node itself
(returned, or `final` when the process holds nothing any more). Each lease request (node, epoch, seq) has one answer
for ever, zero included, so an answer that was lost can be asked for again. Where a wallet is empty because other
processes have free parts of it, those are recalled: each is told once with the answer to its next report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import LeaseGrantRow, LeaseRow, NodeRow, TransferRow, WalletRow, table
from tollway.db.upsert import upsert
from tollway.errors import Conflict
from tollway.ledger.epochs import lock_epoch
from tollway.ledger.posting import Transfer, available, escrow, post

# Refusals (answers of zero) are kept for this many lease requests of a process: far more than can be under way at once.
REFUSALS_KEPT: Final = 1024


class Grant(msgspec.Struct, frozen=True):
    """What a lease request gets; `elsewhere` is free in other leases of the wallet and has been recalled."""

    granted: int
    elsewhere: int = 0


async def grant_lease(tx: WriteTx, node_id: str, epoch: int, seq: int, account_id: str, want_nano: int) -> Grant:
    """Lend min(want, available) to a process; the same answer when asked again. A closed epoch gets nothing.

    Raises Conflict when (node, epoch, seq) named another account before.
    """
    is_open = await lock_epoch(tx, node_id, epoch)
    known = select(LeaseGrantRow.account_id, LeaseGrantRow.granted_nano).where(
        LeaseGrantRow.node_id == node_id, LeaseGrantRow.epoch == epoch, LeaseGrantRow.seq == seq
    )
    before = (await tx.session.execute(known)).one_or_none()
    if before is not None:
        if before.account_id != account_id:
            raise Conflict("this lease number names another account")
        return Grant(int(before.granted_nano))
    if not is_open:
        return Grant(0)
    wallet = select(WalletRow.available_nano).where(WalletRow.account_id == account_id).with_for_update()
    free = await tx.session.scalar(wallet)
    if free is None:
        return Grant(0)  # no such wallet: nothing to lend, and no reason to stop the node
    granted = max(0, min(want_nano, int(free)))
    answer = {"node_id": node_id, "epoch": epoch, "seq": seq, "account_id": account_id, "granted_nano": granted}
    await tx.session.execute(insert(LeaseGrantRow).values(**answer, created_at=tx.now))
    if granted == 0:
        await _forget_refusals(tx, node_id, epoch, seq)
        return Grant(0, await recall(tx, account_id, except_for=(node_id, epoch)))
    await _lend(tx, node_id, epoch, seq, account_id, granted)
    return Grant(granted)


async def _lend(tx: WriteTx, node_id: str, epoch: int, seq: int, account_id: str, nano: int) -> None:
    moved = await tx.session.scalar(
        update(WalletRow)
        .where(WalletRow.account_id == account_id, WalletRow.available_nano >= nano)
        .values(available_nano=WalletRow.available_nano - nano, escrow_nano=WalletRow.escrow_nano + nano)
        .returning(WalletRow.account_id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise AssertionError("a locked wallet changed")  # cannot be; if it is, nothing of this is kept
    zero = {"posted_nano": 0, "returned_nano": 0, "held_nano": 0, "state": "open", "recall": False}
    lease = upsert(tx, LeaseRow).values(
        node_id=node_id, epoch=epoch, account_id=account_id, granted_nano=nano, created_at=tx.now, **zero
    )
    more = {"granted_nano": LeaseRow.granted_nano + nano}
    await tx.session.execute(lease.on_conflict_do_update(index_elements=["node_id", "epoch", "account_id"], set_=more))
    legs = [(available(account_id), -nano), (escrow(account_id), nano)]
    ref = f"{node_id}/{epoch}"
    await post(tx, [Transfer(f"lease/{node_id}/{epoch}/{seq}", "lease", account_id, legs, ref=ref)])


async def _forget_refusals(tx: WriteTx, node_id: str, epoch: int, seq: int) -> None:
    old = delete(LeaseGrantRow).where(
        LeaseGrantRow.node_id == node_id,
        LeaseGrantRow.epoch == epoch,
        LeaseGrantRow.granted_nano == 0,
        LeaseGrantRow.seq < seq - REFUSALS_KEPT,
    )
    await tx.session.execute(old.execution_options(synchronize_session=False))


async def recall(tx: WriteTx, account_id: str, *, except_for: tuple[str, int] | None = None) -> int:
    """Ask every process with a free part of this wallet to give it back; how much that is, as far as is known."""
    free = LeaseRow.granted_nano - LeaseRow.posted_nano - LeaseRow.returned_nano - LeaseRow.held_nano
    wanted = [LeaseRow.account_id == account_id, LeaseRow.state == "open", free > 0]
    if except_for is not None:
        node_id, epoch = except_for
        wanted.append((LeaseRow.node_id != node_id) | (LeaseRow.epoch != epoch))
    asked = update(LeaseRow).where(*wanted).values(recall=True).returning(free)
    amounts = (await tx.session.scalars(asked.execution_options(synchronize_session=False))).all()
    return sum(int(nano) for nano in amounts)


async def take_recalls(tx: WriteTx, node_id: str, epoch: int) -> list[str]:
    """Accounts whose free part this process should give back. Each is said once: who still waits asks again."""
    mine = (LeaseRow.node_id == node_id, LeaseRow.epoch == epoch, LeaseRow.recall)
    said = update(LeaseRow).where(*mine).values(recall=False).returning(LeaseRow.account_id)
    return list(await tx.session.scalars(said.execution_options(synchronize_session=False)))


async def note_held(tx: WriteTx, node_id: str, epoch: int, held: Iterable[tuple[str, int]]) -> None:
    """Remember what a process says its live holds are; accounts it does not name keep what was last said."""
    rows = [{"n": node_id, "e": epoch, "a": account_id, "held": nano} for account_id, nano in held]
    if rows:
        leases = table(LeaseRow).c
        mine = (leases.node_id == bindparam("n"), leases.epoch == bindparam("e"), leases.account_id == bindparam("a"))
        alive = leases.state.in_(("open", "suspect"))  # a late word about a closed lease holds nothing
        noted = update(table(LeaseRow)).where(*mine, alive).values(held_nano=bindparam("held"))
        await tx.session.execute(noted, rows)


async def return_leases(tx: WriteTx, node_id: str, epoch: int, parts: Sequence[tuple[int, str, int]]) -> None:
    """Move (seq, account, nano) from escrow back to available; each (node, epoch, seq) once.

    A process cannot return more than its lease has left: what is beyond is not there, so it does not move. A closed
    epoch has nothing left.
    """
    if not parts or not await lock_epoch(tx, node_id, epoch):
        return
    ids = {f"return/{node_id}/{epoch}/{seq}": (account_id, nano) for seq, account_id, nano in parts}
    done = set(await tx.session.scalars(select(TransferRow.id).where(TransferRow.id.in_(ids))))
    left = await leases_left(tx, node_id, epoch, {account_id for account_id, _ in ids.values()})
    moves = []
    for transfer_id, (account_id, nano) in ids.items():
        if transfer_id not in done:
            back = max(0, min(nano, left.get(account_id, 0)))
            left[account_id] = left.get(account_id, 0) - back
            moves.append((transfer_id, account_id, back))
    await _give_back(tx, node_id, epoch, "return", moves)


async def close_epoch(tx: WriteTx, node_id: str, epoch: int) -> None:
    """`final`: the process holds nothing any more. What its leases have left returns; what comes later is our loss."""
    if not await lock_epoch(tx, node_id, epoch):
        return
    left = await leases_left(tx, node_id, epoch, None)
    moves = [(f"final/{node_id}/{epoch}/{account_id}", account_id, nano) for account_id, nano in left.items()]
    await _give_back(tx, node_id, epoch, "final", [move for move in moves if move[2]])
    mine = (LeaseRow.node_id == node_id, LeaseRow.epoch == epoch)
    closed = update(LeaseRow).where(*mine).values(state="closed", held_nano=0, recall=False)
    await tx.session.execute(closed.execution_options(synchronize_session=False))
    process = update(NodeRow).where(NodeRow.id == node_id, NodeRow.epoch == epoch).values(state="closed")
    await tx.session.execute(process.execution_options(synchronize_session=False))


async def leases_left(tx: ReadTx, node_id: str, epoch: int, account_ids: set[str] | None) -> dict[str, int]:
    """What a process still has of each wallet (granted - posted - returned), locked for this transaction."""
    left = LeaseRow.granted_nano - LeaseRow.posted_nano - LeaseRow.returned_nano
    mine = select(LeaseRow.account_id, left).where(LeaseRow.node_id == node_id, LeaseRow.epoch == epoch)
    if account_ids is not None:
        mine = mine.where(LeaseRow.account_id.in_(account_ids))
    rows = await tx.session.execute(mine.order_by(LeaseRow.account_id).with_for_update())
    return {account_id: int(nano) for account_id, nano in rows}


async def _give_back(tx: WriteTx, node_id: str, epoch: int, kind: str, moves: Sequence[tuple[str, str, int]]) -> None:
    """Post (transfer id, account, nano) from escrow to available and count it in the leases. Wallets in order of id."""
    sums: dict[str, int] = {}
    for _, account_id, nano in moves:
        sums[account_id] = sums.get(account_id, 0) + nano
    rows = [{"n": node_id, "e": epoch, "a": a, "nano": nano} for a, nano in sorted(sums.items()) if nano]
    if rows:
        leases, wallets = table(LeaseRow).c, table(WalletRow).c
        mine = (leases.node_id == bindparam("n"), leases.epoch == bindparam("e"), leases.account_id == bindparam("a"))
        back = update(table(LeaseRow)).where(*mine)
        await tx.session.execute(back.values(returned_nano=leases.returned_nano + bindparam("nano")), rows)
        wallet = update(table(WalletRow)).where(wallets.account_id == bindparam("a"))
        by: BindParameter[int] = bindparam("nano")
        moved = wallet.values(available_nano=wallets.available_nano + by, escrow_nano=wallets.escrow_nano - by)
        await tx.session.execute(moved, [{"a": row["a"], "nano": row["nano"]} for row in rows])
    ref = f"{node_id}/{epoch}"
    transfers = [
        Transfer(i, "final" if kind == "final" else "return", a, [(escrow(a), -n), (available(a), n)], ref=ref)
        for i, a, n in moves
    ]
    await post(tx, transfers)
