"""A wallet as people see it, in USD, shared by accounts and wallets. What the numbers mean is the ledger's to say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tollway import ledger
from tollway.db.engine import ReadTx
from tollway.money import format_usd


class Balance(msgspec.Struct):
    """Decimal strings in USD."""

    available: str
    held: str
    spent: str


async def balances(tx: ReadTx, account_ids: Sequence[str]) -> dict[str, Balance]:
    """The wallets of some accounts."""
    states = await ledger.wallet_states(tx, account_ids)
    return {
        account_id: Balance(format_usd(state.available), format_usd(state.held), format_usd(state.spent))
        for account_id, state in states.items()
    }


async def balance(tx: ReadTx, account_id: str) -> Balance:
    """One of them; an account without a wallet has nothing."""
    return (await balances(tx, [account_id])).get(account_id) or Balance(format_usd(0), format_usd(0), format_usd(0))
