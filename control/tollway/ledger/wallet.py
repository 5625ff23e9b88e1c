"""A wallet as people see it: what lies in it and what lies free in leases can both still be spent.

available + held + spent = deposits - withdrawals at any moment; at rest held is 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import case, func, select

from tollway.db.engine import Database, ReadTx
from tollway.db.tables import LeaseRow, WalletRow
from tollway.errors import NotFound
from tollway.ledger.leases import recall

# A process hears of a recall with its next report, at most a second away when it is idle.
ASK_BACK_MS_MAX: Final = 4_000
_LOOK_AGAIN_MS: Final = 50


class WalletState(msgspec.Struct, frozen=True):
    """All in nano-USD. `lying` is the part of `available` that no node has."""

    available: int
    held: int
    spent: int
    deposited: int
    lying: int


async def wallet_states(tx: ReadTx, account_ids: Sequence[str]) -> dict[str, WalletState]:
    """The wallets of some accounts, in one question; an account without a wallet is left out."""
    # What a node last said may be older than what it has settled since: it cannot hold more than it has.
    rest = LeaseRow.granted_nano - LeaseRow.posted_nano - LeaseRow.returned_nano
    capped = case((LeaseRow.held_nano < rest, LeaseRow.held_nano), else_=rest)
    holding = (
        select(LeaseRow.account_id, func.sum(capped).label("held"))
        .where(LeaseRow.account_id.in_(account_ids), LeaseRow.state.in_(("open", "suspect")))
        .group_by(LeaseRow.account_id)
        .subquery()
    )
    wanted = (
        select(WalletRow, func.coalesce(holding.c.held, 0))
        .outerjoin(holding, holding.c.account_id == WalletRow.account_id)
        .where(WalletRow.account_id.in_(account_ids))
    )
    found = {}
    for wallet, held_sum in await tx.session.execute(wanted):
        held, total = int(held_sum), wallet.available_nano + wallet.escrow_nano
        found[wallet.account_id] = WalletState(
            total - held, held, wallet.spent_nano, wallet.deposited_nano, wallet.available_nano
        )
    return found


async def wallet_state(tx: ReadTx, account_id: str) -> WalletState:
    """The wallet of an account. Raises NotFound when it has none."""
    found = await wallet_states(tx, [account_id])
    if account_id not in found:
        raise NotFound("this account has no wallet")
    return found[account_id]


async def ask_back(db: Database, account_id: str, need_nano: int, wait_ms: int = ASK_BACK_MS_MAX) -> bool:
    """Recall leases until `need_nano` lies in the wallet, for a withdrawal. False when it cannot be had in time.

    Outside of any transaction: it waits for the nodes. Nothing is reserved, so the withdrawal itself decides.
    """
    deadline = asyncio.get_running_loop().time() + wait_ms / 1000
    asked = False
    while True:
        async with db.read_tx() as read:
            state = await wallet_state(read, account_id)
        if state.lying >= need_nano:
            return True
        if state.available < need_nano or asyncio.get_running_loop().time() >= deadline:
            return False
        if not asked:
            async with db.write_tx() as tx:
                await recall(tx, account_id)
            asked = True
        await asyncio.sleep(_LOOK_AGAIN_MS / 1000)
