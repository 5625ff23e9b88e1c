"""The first schema, the one row of `revision`, and the group `default`."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from tollway.db.migrations.initial import catalogue, keys, money, people, system, triggers, usage
from tollway.db.migrations.initial.types import JSON_DOCUMENT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything, parents first."""
    for part in (catalogue, people, keys, money, usage, system, triggers):
        part.create()
    op.execute("INSERT INTO revision (id, generation) VALUES (1, 1)")
    now = datetime.now(UTC)
    groups = sa.table(
        "groups",
        sa.column("name", sa.Text),
        sa.column("description", sa.Text),
        sa.column("price_multiplier_micro", sa.BigInteger),
        sa.column("models", JSON_DOCUMENT),
        sa.column("version", sa.BigInteger),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("updated_at", sa.DateTime(timezone=True)),
    )
    row = {"name": "default", "description": "", "price_multiplier_micro": 1_000_000, "models": ["*"], "version": 1}
    op.bulk_insert(groups, [{**row, "created_at": now, "updated_at": now}])
