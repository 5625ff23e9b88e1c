"""First revision: keys and their budgets. Frozen: later changes are revisions of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tollway.db.migrations.initial.types import JSON_DOCUMENT


def create() -> None:
    """Create the tables with their indexes, referred-to tables first."""
    _keys()
    _key_budgets()


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=True),
        sa.Column("models", JSON_DOCUMENT, nullable=True),
        sa.Column("endpoints", JSON_DOCUMENT, nullable=True),
        sa.Column("allow_ips", JSON_DOCUMENT, nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rpm", sa.BigInteger(), nullable=True),
        sa.Column("tpm", sa.BigInteger(), nullable=True),
        sa.Column("concurrency", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("concurrency > 0", name=op.f("ck_keys_concurrency")),
        sa.CheckConstraint("rpm > 0", name=op.f("ck_keys_rpm")),
        sa.CheckConstraint("tpm > 0", name=op.f("ck_keys_tpm")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_keys_account_id")),
        sa.ForeignKeyConstraint(["group_name"], ["groups.name"], name=op.f("fk_keys_group_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_keys_digest")),
    )
    op.create_index("ix_keys_account_id", "keys", ["account_id", "id"], unique=False)


def _key_budgets() -> None:
    op.create_table(
        "key_budgets",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_nano", sa.BigInteger(), nullable=False),
        sa.Column("held_nano", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("period IN ('day', 'week', 'month', 'total')", name=op.f("ck_key_budgets_period")),
        sa.CheckConstraint("amount_nano >= 0", name=op.f("ck_key_budgets_amount")),
        sa.CheckConstraint("held_nano >= 0", name=op.f("ck_key_budgets_held")),
        sa.CheckConstraint("spent_nano >= 0", name=op.f("ck_key_budgets_spent")),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_key_budgets_key_id")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_key_budgets")),
    )
