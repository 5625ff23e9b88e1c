"""Bodies of redemption codes. The codes themselves are in the answer that makes them, and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tollway.codes.text import CHARS_MAX
from tollway.db.tables import RedemptionCodeRow
from tollway.http.balance import Balance
from tollway.http.fields import END, Decimal
from tollway.money import format_usd

COUNT_MAX = 1_000
State = Literal["open", "redeemed", "revoked"]


class CodesWish(msgspec.Struct, forbid_unknown_fields=True):
    """How much each code is worth, and how many of them. `note` is for operators, e.g. whom they are for."""

    amount: Decimal
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = 1
    note: Annotated[str, Meta(pattern=rf"^[^\x00-\x1f\x7f]*{END}", max_length=500)] = ""


class CodesView(msgspec.Struct):
    """The codes, shown this once, and their ids in the same order."""

    codes: list[str]
    ids: list[str]
    amount: str
    note: str


class CodeView(msgspec.Struct, kw_only=True):
    """A code as operators see it afterwards."""

    id: str
    hint: str
    amount: str
    state: State
    note: str
    created_by: str
    created_at: datetime
    redeemed_by: str | None
    redeemed_account_id: str | None
    redeemed_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: RedemptionCodeRow) -> CodeView:
        """From its row."""
        return cls(
            id=row.id,
            hint=row.hint,
            amount=format_usd(row.amount_nano),
            state="redeemed" if row.redeemed_at is not None else "revoked" if row.revoked_at is not None else "open",
            note=row.note,
            created_by=row.created_by,
            created_at=row.created_at,
            redeemed_by=row.redeemed_by,
            redeemed_account_id=row.redeemed_account_id,
            redeemed_at=row.redeemed_at,
            revoked_by=row.revoked_by,
            revoked_at=row.revoked_at,
        )


class RedeemWish(msgspec.Struct, forbid_unknown_fields=True):
    """A code as somebody typed it: case, spaces and dashes do not count."""

    code: Annotated[str, Meta(min_length=1, max_length=CHARS_MAX)]


class RedeemedView(msgspec.Struct):
    """What came in (`id` is the transaction's), and the wallet after it."""

    id: str
    amount: str
    wallet: Balance
