"""The catalogue: groups, models with their prices and routes, upstreams with their credentials. Keyed by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tollway.db.tables.base import Base, Deletable, Limited, Versioned, limit_checks, one_of, utc_now

PRICE_COLUMNS = (
    "input_pico",
    "cache_read_pico",
    "cache_write_5m_pico",
    "cache_write_1h_pico",
    "output_pico",
    "reasoning_pico",
    "audio_input_pico",
    "audio_output_pico",
    "image_input_pico",
    "image_output_pico",
    "request_nano",
    "image_nano",
    "second_nano",
    "character_pico",
)


class GroupRow(Versioned, Deletable, Limited, Base):
    """Which models an account may call, at which multiplier (millionths, 1_000_000 is 1.0), within which limits."""

    __tablename__ = "groups"
    __table_args__ = (CheckConstraint("price_multiplier_micro >= 0", name="price_multiplier"), *limit_checks())

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str] = mapped_column(default="")
    price_multiplier_micro: Mapped[int] = mapped_column(default=1_000_000)
    models: Mapped[list[str]] = mapped_column(default=lambda: ["*"])


class ModelRow(Versioned, Deletable, Limited, Base):
    """What a client asks for by name. `bytes_per_token_milli`: UTF-8 bytes counted as a token where an
    upstream reports no usage, × 1000."""

    __tablename__ = "models"
    __table_args__ = (
        one_of("kind", "chat", "completion", "embedding", "image", "audio", "rerank", "moderation"),
        CheckConstraint("context_length > 0", name="context_length"),
        CheckConstraint("max_output_tokens > 0", name="max_output_tokens"),
        CheckConstraint("bytes_per_token_milli > 0", name="bytes_per_token"),
        *limit_checks(),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    owned_by: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="chat")
    enabled: Mapped[bool] = mapped_column(default=True)
    free: Mapped[bool] = mapped_column(default=False)
    context_length: Mapped[int | None]
    max_output_tokens: Mapped[int | None]
    input_modalities: Mapped[list[str]] = mapped_column(default=lambda: ["text"])
    output_modalities: Mapped[list[str]] = mapped_column(default=lambda: ["text"])
    bytes_per_token_milli: Mapped[int] = mapped_column(default=4000)
    fallback: Mapped[list[str] | None]


class PriceRow(Base):
    """One version of a model's prices, as the operator stated them: NULL is "not stated", the snapshot fills the
    defaults.

    A version is never changed; a new one supersedes it. A settled request names the version it was charged with.
    """

    __tablename__ = "prices"
    __table_args__ = (
        UniqueConstraint("model_name", "valid_from"),
        *(CheckConstraint(f"{column} >= 0", name=column) for column in PRICE_COLUMNS),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(ForeignKey("models.name"))
    valid_from: Mapped[datetime] = mapped_column(default=utc_now)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    input_pico: Mapped[int | None]
    cache_read_pico: Mapped[int | None]
    cache_write_5m_pico: Mapped[int | None]
    cache_write_1h_pico: Mapped[int | None]
    output_pico: Mapped[int | None]
    reasoning_pico: Mapped[int | None]
    audio_input_pico: Mapped[int | None]
    audio_output_pico: Mapped[int | None]
    image_input_pico: Mapped[int | None]
    image_output_pico: Mapped[int | None]
    request_nano: Mapped[int | None]
    image_nano: Mapped[int | None]
    second_nano: Mapped[int | None]
    character_pico: Mapped[int | None]


class UpstreamRow(Versioned, Deletable, Limited, Base):
    """A provider endpoint. `timeouts` holds `connect_ms`, `tls_ms`, `first_byte_ms`, `first_token_ms`, `idle_ms`,
    `total_ms`.
    """

    __tablename__ = "upstreams"
    __table_args__ = (one_of("provider", "openai", "anthropic", "gemini", "azure", "simulator"), *limit_checks())

    name: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(default="openai")
    base_url: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    timeouts: Mapped[dict[str, int]] = mapped_column(default=dict)
    headers: Mapped[dict[str, str]] = mapped_column(default=dict)
    allow_private_address: Mapped[bool] = mapped_column(default=False)
    extra: Mapped[dict[str, Any] | None]


class CredentialRow(Deletable, Base):
    """An upstream's secret, sealed with AES-256-GCM; additional data is `upstream name + "/" + id`, so it fits
    nowhere else.
    """

    __tablename__ = "credentials"

    id: Mapped[str] = mapped_column(primary_key=True)
    upstream_name: Mapped[str] = mapped_column(ForeignKey("upstreams.name"), index=True)
    sealed: Mapped[bytes]
    hint: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class RouteRow(Base):
    """A channel: model × upstream × the upstream's name for it. Lower priority first, weight shares within one
    priority.
    """

    __tablename__ = "routes"
    __table_args__ = (CheckConstraint("priority >= 0", name="priority"), CheckConstraint("weight >= 0", name="weight"))

    model_name: Mapped[str] = mapped_column(ForeignKey("models.name"), primary_key=True)
    upstream_name: Mapped[str] = mapped_column(ForeignKey("upstreams.name"), primary_key=True, index=True)
    upstream_model: Mapped[str] = mapped_column(primary_key=True)
    priority: Mapped[int] = mapped_column(default=0)
    weight: Mapped[int] = mapped_column(default=1)
    position: Mapped[int] = mapped_column(default=0)
    cost_price_id: Mapped[str | None]
