"""First revision: groups, models, prices, upstreams, credentials, routes. Frozen: later changes are revisions of
their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tollway.db.migrations.initial.types import JSON_DOCUMENT


def create() -> None:
    """Create the tables with their indexes, referred-to tables first."""
    _groups()
    _models()
    _upstreams()
    _credentials()
    _prices()
    _routes()


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_multiplier_micro", sa.BigInteger(), nullable=False),
        sa.Column("models", JSON_DOCUMENT, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rpm", sa.BigInteger(), nullable=True),
        sa.Column("tpm", sa.BigInteger(), nullable=True),
        sa.Column("concurrency", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("concurrency > 0", name=op.f("ck_groups_concurrency")),
        sa.CheckConstraint("price_multiplier_micro >= 0", name=op.f("ck_groups_price_multiplier")),
        sa.CheckConstraint("rpm > 0", name=op.f("ck_groups_rpm")),
        sa.CheckConstraint("tpm > 0", name=op.f("ck_groups_tpm")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
    )


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owned_by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("free", sa.Boolean(), nullable=False),
        sa.Column("context_length", sa.BigInteger(), nullable=True),
        sa.Column("max_output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_modalities", JSON_DOCUMENT, nullable=False),
        sa.Column("output_modalities", JSON_DOCUMENT, nullable=False),
        sa.Column("bytes_per_token_milli", sa.BigInteger(), nullable=False),
        sa.Column("fallback", JSON_DOCUMENT, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rpm", sa.BigInteger(), nullable=True),
        sa.Column("tpm", sa.BigInteger(), nullable=True),
        sa.Column("concurrency", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('chat', 'completion', 'embedding', 'image', 'audio', 'rerank', 'moderation')",
            name=op.f("ck_models_kind"),
        ),
        sa.CheckConstraint("bytes_per_token_milli > 0", name=op.f("ck_models_bytes_per_token")),
        sa.CheckConstraint("concurrency > 0", name=op.f("ck_models_concurrency")),
        sa.CheckConstraint("context_length > 0", name=op.f("ck_models_context_length")),
        sa.CheckConstraint("max_output_tokens > 0", name=op.f("ck_models_max_output_tokens")),
        sa.CheckConstraint("rpm > 0", name=op.f("ck_models_rpm")),
        sa.CheckConstraint("tpm > 0", name=op.f("ck_models_tpm")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
    )


def _upstreams() -> None:
    op.create_table(
        "upstreams",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("timeouts", JSON_DOCUMENT, nullable=False),
        sa.Column("headers", JSON_DOCUMENT, nullable=False),
        sa.Column("allow_private_address", sa.Boolean(), nullable=False),
        sa.Column("extra", JSON_DOCUMENT, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rpm", sa.BigInteger(), nullable=True),
        sa.Column("tpm", sa.BigInteger(), nullable=True),
        sa.Column("concurrency", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "provider IN ('openai', 'anthropic', 'gemini', 'azure', 'simulator')", name=op.f("ck_upstreams_provider")
        ),
        sa.CheckConstraint("concurrency > 0", name=op.f("ck_upstreams_concurrency")),
        sa.CheckConstraint("rpm > 0", name=op.f("ck_upstreams_rpm")),
        sa.CheckConstraint("tpm > 0", name=op.f("ck_upstreams_tpm")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_upstreams")),
    )


def _credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("upstream_name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["upstream_name"], ["upstreams.name"], name=op.f("fk_credentials_upstream_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    op.create_index(op.f("ix_credentials_upstream_name"), "credentials", ["upstream_name"], unique=False)


def _prices() -> None:
    op.create_table(
        "prices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("input_pico", sa.BigInteger(), nullable=True),
        sa.Column("cache_read_pico", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_5m_pico", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_1h_pico", sa.BigInteger(), nullable=True),
        sa.Column("output_pico", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_pico", sa.BigInteger(), nullable=True),
        sa.Column("audio_input_pico", sa.BigInteger(), nullable=True),
        sa.Column("audio_output_pico", sa.BigInteger(), nullable=True),
        sa.Column("image_input_pico", sa.BigInteger(), nullable=True),
        sa.Column("image_output_pico", sa.BigInteger(), nullable=True),
        sa.Column("request_nano", sa.BigInteger(), nullable=True),
        sa.Column("image_nano", sa.BigInteger(), nullable=True),
        sa.Column("second_nano", sa.BigInteger(), nullable=True),
        sa.Column("character_pico", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("audio_input_pico >= 0", name=op.f("ck_prices_audio_input_pico")),
        sa.CheckConstraint("audio_output_pico >= 0", name=op.f("ck_prices_audio_output_pico")),
        sa.CheckConstraint("cache_read_pico >= 0", name=op.f("ck_prices_cache_read_pico")),
        sa.CheckConstraint("cache_write_1h_pico >= 0", name=op.f("ck_prices_cache_write_1h_pico")),
        sa.CheckConstraint("cache_write_5m_pico >= 0", name=op.f("ck_prices_cache_write_5m_pico")),
        sa.CheckConstraint("character_pico >= 0", name=op.f("ck_prices_character_pico")),
        sa.CheckConstraint("image_input_pico >= 0", name=op.f("ck_prices_image_input_pico")),
        sa.CheckConstraint("image_nano >= 0", name=op.f("ck_prices_image_nano")),
        sa.CheckConstraint("image_output_pico >= 0", name=op.f("ck_prices_image_output_pico")),
        sa.CheckConstraint("input_pico >= 0", name=op.f("ck_prices_input_pico")),
        sa.CheckConstraint("output_pico >= 0", name=op.f("ck_prices_output_pico")),
        sa.CheckConstraint("reasoning_pico >= 0", name=op.f("ck_prices_reasoning_pico")),
        sa.CheckConstraint("request_nano >= 0", name=op.f("ck_prices_request_nano")),
        sa.CheckConstraint("second_nano >= 0", name=op.f("ck_prices_second_nano")),
        sa.ForeignKeyConstraint(["model_name"], ["models.name"], name=op.f("fk_prices_model_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint("model_name", "valid_from", name=op.f("uq_prices_model_name_valid_from")),
    )


def _routes() -> None:
    op.create_table(
        "routes",
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("upstream_name", sa.Text(), nullable=False),
        sa.Column("upstream_model", sa.Text(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("cost_price_id", sa.Text(), nullable=True),
        sa.CheckConstraint("priority >= 0", name=op.f("ck_routes_priority")),
        sa.CheckConstraint("weight >= 0", name=op.f("ck_routes_weight")),
        sa.ForeignKeyConstraint(["model_name"], ["models.name"], name=op.f("fk_routes_model_name")),
        sa.ForeignKeyConstraint(["upstream_name"], ["upstreams.name"], name=op.f("fk_routes_upstream_name")),
        sa.PrimaryKeyConstraint("model_name", "upstream_name", "upstream_model", name=op.f("pk_routes")),
    )
    op.create_index(op.f("ix_routes_upstream_name"), "routes", ["upstream_name"], unique=False)
