"""A wallet as people see it: what lies in it and what lies free in leases can both still be spent.

available + held + spent = deposits - withdrawals at any moment; at rest held is 0.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from sqlalchemy import select

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


async def wallet_state(tx: ReadTx, account_id: str) -> WalletState:
    """The wallet of an account. Raises NotFound when it has none."""
    wallet = await tx.session.get(WalletRow, account_id)
    if wallet is None:
        raise NotFound("this account has no wallet")
    mine = select(LeaseRow).where(LeaseRow.account_id == account_id, LeaseRow.state.in_(("open", "suspect")))
    held = 0
    for lease in await tx.session.scalars(mine):
        # What a node last said may be older than what it has settled since: it cannot hold more than it has.
        held += min(lease.held_nano, lease.granted_nano - lease.posted_nano - lease.returned_nano)
    total = wallet.available_nano + wallet.escrow_nano
    return WalletState(total - held, held, wallet.spent_nano, wallet.deposited_nano, wallet.available_nano)


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
