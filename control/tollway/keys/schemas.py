"""Bodies of keys. A secret is in the answer to create and to rotate, and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import KeyRow
from tollway.http.fields import Limits, LimitsWish, ModelPattern, Moment, ShortText, SlugName, limits_of

Endpoint = Literal[
    "chat", "completions", "embeddings", "images", "audio", "moderations", "rerank", "responses", "messages", "gemini"
]
Status = Literal["active", "disabled", "expired"]
Purpose = Literal["api", "portal"]
AddressRange = Annotated[str, Meta(min_length=2, max_length=64)]


class KeyView(msgspec.Struct, kw_only=True):
    """A key as shown. null in `group`, `models`, `endpoints`, `allow_ips` is "as the account"."""

    id: str
    name: str
    hint: str
    account_id: str
    created_by: str | None
    enabled: bool
    status: Status
    group: str | None
    models: list[str] | None
    endpoints: list[str] | None
    allow_ips: list[str] | None
    limits: Limits
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, row: KeyRow, now: datetime, last_used_at: datetime | None = None) -> KeyView:
        """From its row; whether it has expired depends on when one looks, its last use is in the requests."""
        expired = row.expires_at is not None and row.expires_at <= now
        return cls(
            id=row.id,
            name=row.name,
            hint=row.hint,
            account_id=row.account_id,
            created_by=row.created_by,
            enabled=row.enabled,
            status="disabled" if not row.enabled else "expired" if expired else "active",
            group=row.group_name,
            models=row.models,
            endpoints=row.endpoints,
            allow_ips=row.allow_ips,
            limits=limits_of(row),
            expires_at=row.expires_at,
            last_used_at=last_used_at or row.last_used_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class KeyWithSecret(KeyView, kw_only=True):
    """The answer to create and to rotate: the only time the secret is shown."""

    secret: str


class KeyPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed; null is "as the account"."""

    name: ShortText | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    group: SlugName | UnsetType | None = UNSET
    models: Annotated[list[ModelPattern], Meta(min_length=1, max_length=200)] | UnsetType | None = UNSET
    endpoints: Annotated[list[Endpoint], Meta(min_length=1, max_length=10)] | UnsetType | None = UNSET
    allow_ips: Annotated[list[AddressRange], Meta(min_length=1, max_length=100)] | UnsetType | None = UNSET
    limits: LimitsWish | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class KeyCreate(KeyPatch, kw_only=True):
    """A new key of the caller's account."""

    name: ShortText


class AdminKeyCreate(KeyCreate, kw_only=True):
    """A new key of any account."""

    account_id: Annotated[str, Meta(max_length=64)]
