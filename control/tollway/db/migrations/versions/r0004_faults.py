"""Hourly sums tell what a model's providers got wrong from what its callers did."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Column `faults` of `usage_hours`, counted from the requests that are there."""
    op.add_column(
        "usage_hours",
        sa.Column(
            "faults",
            sa.BigInteger(),
            sa.CheckConstraint("faults >= 0 AND faults <= errors", name=op.f("ck_usage_hours_faults")),
            nullable=False,
            server_default=sa.text("0"),
        ),
    )
    moment = sa.DateTime(timezone=True)
    names = ("account_id", "key_id", "model", "upstream")
    requests = sa.table(
        "requests", *(sa.column(name, sa.Text) for name in (*names, "error_code")), sa.column("started_at", moment)
    )
    hours = sa.table(
        "usage_hours",
        *(sa.column(name, sa.Text) for name in names),
        sa.column("hour", moment),
        sa.column("faults", sa.BigInteger),
    )
    failed = sa.select(*(requests.c[name] for name in names), requests.c.started_at).where(
        sa.or_(requests.c.error_code.like("upstream!_%", escape="!"), requests.c.error_code == "no_healthy_upstream")
    )
    connection = op.get_bind()
    found: Counter[Any] = Counter()
    for *key, started_at in connection.execute(failed):
        found[(*key, started_at.replace(minute=0, second=0, microsecond=0))] += 1
    for (*key, hour), faults in found.items():
        same = [hours.c[name] == value for name, value in zip(names, key, strict=True)]
        connection.execute(sa.update(hours).where(*same, hours.c.hour == hour).values(faults=faults))
