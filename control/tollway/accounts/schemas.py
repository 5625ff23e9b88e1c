"""Bodies of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import AccountRow
from tollway.http.balance import Balance
from tollway.http.fields import Limits, LimitsWish, ShortText, SlugName, limits_of


class AccountView(msgspec.Struct, kw_only=True):
    """An account as shown."""

    id: str
    name: str
    kind: str
    group: str
    extra_groups: list[str]
    enabled: bool
    limits: Limits
    wallet: Balance
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, row: AccountRow, wallet: Balance) -> AccountView:
        """From its rows."""
        return cls(
            id=row.id,
            name=row.name,
            kind=row.kind,
            group=row.group_name,
            extra_groups=row.extra_groups,
            enabled=row.enabled,
            limits=limits_of(row),
            wallet=wallet,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class AccountPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed. `group: null` goes back to default."""

    name: ShortText | UnsetType = UNSET
    group: SlugName | UnsetType | None = UNSET
    extra_groups: Annotated[list[SlugName], Meta(max_length=50)] | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    limits: LimitsWish | UnsetType | None = UNSET


class AccountCreate(AccountPatch, kw_only=True):
    """A new account; a name is enough."""

    name: ShortText
    kind: Literal["personal", "team"] = "team"
