"""Bodies of upstreams. Credentials go in as secrets and come out as hints; nothing here can show a secret again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import CredentialRow, UpstreamRow
from tollway.http.fields import Limits, LimitsWish, SlugName, limits_of

Provider = Literal["openai", "anthropic", "gemini", "azure", "simulator"]
TIMEOUTS = ("connect_ms", "tls_ms", "first_byte_ms", "first_token_ms", "idle_ms", "total_ms")
TimeoutMs = Annotated[int, Meta(ge=1, le=86_400_000)]


class TimeoutsWish(msgspec.Struct, forbid_unknown_fields=True):
    """Timeouts as sent, in milliseconds; those that are absent stay, null goes back to the gateway's own."""

    connect_ms: TimeoutMs | UnsetType | None = UNSET
    tls_ms: TimeoutMs | UnsetType | None = UNSET
    first_byte_ms: TimeoutMs | UnsetType | None = UNSET
    first_token_ms: TimeoutMs | UnsetType | None = UNSET
    idle_ms: TimeoutMs | UnsetType | None = UNSET
    total_ms: TimeoutMs | UnsetType | None = UNSET


class CredentialWish(msgspec.Struct, forbid_unknown_fields=True):
    """A new secret, or one that is there already by its id. What a list does not name is removed."""

    id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    secret: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$(?!\n)", min_length=1, max_length=4096)] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class CredentialView(msgspec.Struct):
    """A credential as shown: enough to recognise it."""

    id: str
    hint: str
    enabled: bool


class UpstreamView(msgspec.Struct):
    """An upstream as shown."""

    name: str
    provider: str
    base_url: str
    enabled: bool
    credentials: list[CredentialView]
    limits: Limits
    timeouts: dict[str, int]
    allow_private_address: bool
    headers: dict[str, str]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: UpstreamRow, credentials: Sequence[CredentialRow]) -> UpstreamView:
        """From its rows."""
        return cls(
            name=row.name,
            provider=row.provider,
            base_url=row.base_url,
            enabled=row.enabled,
            credentials=[CredentialView(c.id, c.hint, c.enabled) for c in credentials],
            limits=limits_of(row),
            timeouts=row.timeouts,
            allow_private_address=row.allow_private_address,
            headers=row.headers,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


BaseUrl = Annotated[str, Meta(min_length=1, max_length=2048)]
Credentials = Annotated[list[CredentialWish], Meta(max_length=64)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$(?!\n)", max_length=128)]
HeaderValue = Annotated[str, Meta(pattern=r"^[\x20-\x7e]*$(?!\n)", max_length=4096)]
Headers = Annotated[dict[HeaderName, HeaderValue], Meta(max_length=32)]


class UpstreamPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed. `credentials` replaces the whole list."""

    provider: Provider | UnsetType = UNSET
    base_url: BaseUrl | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    credentials: Credentials | UnsetType | None = UNSET
    limits: LimitsWish | UnsetType | None = UNSET
    timeouts: TimeoutsWish | UnsetType | None = UNSET
    allow_private_address: bool | UnsetType = UNSET
    headers: Headers | UnsetType | None = UNSET


class UpstreamCreate(UpstreamPatch, kw_only=True):
    """A new upstream; provider `openai` is anything that speaks OpenAI's API."""

    name: SlugName
    base_url: BaseUrl
