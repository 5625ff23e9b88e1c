"""Writes transfers: the one way into `transfers` and `entries`. Refuses what does not sum to zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import insert

from tollway.db.engine import WriteTx
from tollway.db.tables import EntryRow, TransferRow, table

Kind = Literal["deposit", "withdrawal", "lease", "settle", "return", "final"]

REVENUE: Final = "revenue"
OPERATOR_LOSS: Final = "operator_loss"
CASH_IN: Final = "cash_in"


def available(account_id: str) -> str:
    """The ledger account of what a wallet can still give out."""
    return f"wallet:{account_id}:available"


def escrow(account_id: str) -> str:
    """The ledger account of what a wallet has lent to nodes."""
    return f"wallet:{account_id}:escrow"


@dataclass(slots=True)
class Transfer:
    """One movement. `legs` are (ledger account, signed nano); none at all for a finished request that cost nothing."""

    id: str
    kind: Kind
    account_id: str
    legs: Sequence[tuple[str, int]]
    request_id: str | None = None
    reason: str = ""
    ref: str = ""
    created_by: str = ""


async def post(tx: WriteTx, transfers: Sequence[Transfer]) -> None:
    """Insert transfers with their entries. An id that is there already fails the whole transaction (unique key)."""
    heads: list[dict[str, Any]] = []
    legs: list[dict[str, Any]] = []
    for transfer in transfers:
        if sum(nano for _, nano in transfer.legs):
            raise AssertionError(f"transfer {transfer.id} does not sum to zero")
        heads.append(
            {
                "id": transfer.id,
                "kind": transfer.kind,
                "account_id": transfer.account_id,
                "request_id": transfer.request_id,
                "reason": transfer.reason,
                "ref": transfer.ref,
                "created_by": transfer.created_by,
                "created_at": tx.now,
            }
        )
        legs.extend(
            {"transfer_id": transfer.id, "account": account, "amount_nano": abs(nano), "side": 1 if nano > 0 else -1}
            for account, nano in transfer.legs
            if nano
        )
    if heads:
        await tx.session.execute(insert(table(TransferRow)), heads)
    if legs:
        await tx.session.execute(insert(table(EntryRow)), legs)
