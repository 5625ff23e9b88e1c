"""Bodies of groups."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from tollway.db.tables import GroupRow
from tollway.http.fields import Decimal, Limits, LimitsWish, LongText, ModelPatterns, SlugName, limits_of
from tollway.money import format_multiplier


class GroupView(msgspec.Struct):
    """A group as shown. `models` are patterns in which `*` matches any characters."""

    name: str
    description: str
    price_multiplier: str
    models: list[str]
    limits: Limits
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: GroupRow) -> GroupView:
        """From its row."""
        return cls(
            name=row.name,
            description=row.description,
            price_multiplier=format_multiplier(row.price_multiplier_micro),
            models=row.models,
            limits=limits_of(row),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class GroupPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed; null clears to the default."""

    description: LongText | UnsetType | None = UNSET
    price_multiplier: Decimal | UnsetType = UNSET
    models: ModelPatterns | UnsetType = UNSET
    limits: LimitsWish | UnsetType | None = UNSET


class GroupCreate(GroupPatch, kw_only=True):
    """A new group. Without `models` it may call all of them."""

    name: SlugName
