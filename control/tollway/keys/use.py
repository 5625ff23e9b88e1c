"""When keys were last used: read from the requests that settlements left, so no call pays for keeping it.

A request shows within the 2 s after its end that usage takes. One index look-up per key shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import KeyRow, RequestRow


async def last_uses(tx: ReadTx, key_ids: Sequence[str]) -> dict[str, datetime]:
    """When the newest request of each key began; a key that was never used is not in it."""
    newest = (
        select(RequestRow.started_at)
        .where(RequestRow.key_id == KeyRow.id)
        .order_by(RequestRow.started_at.desc())
        .limit(1)
        .correlate(KeyRow)
        .scalar_subquery()
    )
    found = await tx.session.execute(select(KeyRow.id, newest).where(KeyRow.id.in_(key_ids), newest.is_not(None)))
    return {row[0]: row[1] for row in found}
