"""A person's theme, invites to sign up, and the purpose of a key: what the portal's pages need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns in place. SQLite would otherwise copy the tables, which the rows that refer to them forbid."""
    op.execute(
        "ALTER TABLE users ADD COLUMN theme TEXT DEFAULT 'system' NOT NULL "
        "CONSTRAINT ck_users_theme CHECK (theme IN ('system', 'light', 'dark'))"
    )
    op.execute(
        "ALTER TABLE keys ADD COLUMN purpose TEXT DEFAULT 'api' NOT NULL "
        "CONSTRAINT ck_keys_purpose CHECK (purpose IN ('api', 'portal'))"
    )
    op.create_index(
        "ix_keys_portal",
        "keys",
        ["created_by", "account_id"],
        unique=True,
        sqlite_where=sa.text("purpose = 'portal'"),
        postgresql_where=sa.text("purpose = 'portal'"),
    )
    op.create_table(
        "invites",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["used_by"], ["users.id"], name=op.f("fk_invites_used_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
        sa.UniqueConstraint("digest", name=op.f("uq_invites_digest")),
    )
