"""A wallet as people see it, shared by accounts and wallets.

The gateways hold slices of a wallet (leases). What lies free in a slice can still be spent, so it is shown as
available; what live requests hold is `held`. At rest `held` is 0 and available + spent = deposits.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import case, func, select

from tollway.db.engine import ReadTx
from tollway.db.tables import LeaseRow, WalletRow
from tollway.money import format_usd


class Balance(msgspec.Struct):
    """Decimal strings in USD."""

    available: str
    held: str
    spent: str


async def balances(tx: ReadTx, account_ids: Sequence[str]) -> dict[str, Balance]:
    """The wallets of some accounts."""
    # What a node last said may be older than what it has settled since: no more can be held than a lease still has.
    rest = LeaseRow.granted_nano - LeaseRow.posted_nano - LeaseRow.returned_nano
    held = case((LeaseRow.held_nano < rest, LeaseRow.held_nano), else_=rest)
    holding = (
        select(LeaseRow.account_id, func.sum(held).label("held"))
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
        held_nano = int(held_sum)
        free_nano = wallet.available_nano + wallet.escrow_nano - held_nano
        found[wallet.account_id] = Balance(format_usd(free_nano), format_usd(held_nano), format_usd(wallet.spent_nano))
    return found


async def balance(tx: ReadTx, account_id: str) -> Balance:
    """One of them; an account without a wallet has nothing."""
    return (await balances(tx, [account_id])).get(account_id) or Balance(format_usd(0), format_usd(0), format_usd(0))
