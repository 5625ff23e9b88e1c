"""Redemption codes may be revoked and carry a note; what the gateway's state was, hour by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns of `redemption_codes`, table `status_hours`."""
    # Rules of a new column are stated with it: SQLite adds a column without copying the table, but no constraint.
    op.add_column("redemption_codes", sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("redemption_codes", sa.Column("revoked_by", sa.Text(), nullable=True))
    op.add_column(
        "redemption_codes",
        sa.Column(
            "revoked_at",
            sa.DateTime(timezone=True),
            sa.CheckConstraint("redeemed_at IS NULL OR revoked_at IS NULL", name=op.f("ck_redemption_codes_one_end")),
            nullable=True,
        ),
    )
    op.create_table(
        "status_hours",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("up", sa.BigInteger(), nullable=False),
        sa.Column("degraded", sa.BigInteger(), nullable=False),
        sa.Column("down", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("up >= 0 AND degraded >= 0 AND down >= 0", name=op.f("ck_status_hours_counts")),
        sa.PrimaryKeyConstraint("hour", name=op.f("pk_status_hours")),
    )
