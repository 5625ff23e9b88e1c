"""Bodies of wallets and the ledger. Amounts are decimal strings in USD."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.db.tables import EntryRow, TransferRow
from tollway.http.balance import Balance
from tollway.http.fields import END, Decimal
from tollway.money import format_usd


class WalletView(msgspec.Struct):
    """An account's wallet."""

    account_id: str
    available: str
    held: str
    spent: str
    currency: str = "USD"


class CreditWish(msgspec.Struct, forbid_unknown_fields=True):
    """An amount to add; a negative one takes back what is still available."""

    amount: Decimal
    reason: Annotated[str, Meta(pattern=rf"^[^\x00-\x1f\x7f]*{END}", max_length=500)] = ""


class CreditView(msgspec.Struct):
    """What was moved, and the wallet after it."""

    id: str
    amount: str
    wallet: Balance


class LedgerView(msgspec.Struct):
    """One leg of a transaction; the amounts of a transaction sum to zero."""

    id: str
    transaction_id: str
    account: str
    amount: str
    kind: str
    account_id: str | None
    request_id: str | None
    reason: str
    created_at: datetime

    @classmethod
    def of(cls, entry: EntryRow, transfer: TransferRow) -> LedgerView:
        """From its rows."""
        return cls(
            id=str(entry.id),
            transaction_id=transfer.id,
            account=entry.account,
            amount=format_usd(entry.amount_nano * entry.side),
            kind=transfer.kind,
            account_id=transfer.account_id,
            request_id=transfer.request_id,
            reason=transfer.reason,
            created_at=transfer.created_at,
        )


class EntryView(msgspec.Struct):
    """A movement of an account's own wallet, as its members see it: what was added, taken back, or charged.

    `balance` is what the wallet had after it, what gateways have on lease included.
    """

    id: str
    transaction_id: str
    amount: str
    balance: str
    kind: str
    request_id: str | None
    reason: str
    created_at: datetime
