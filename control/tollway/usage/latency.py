"""How long an account's served requests took, by day: the median and the 95th percentile (nearest rank).

Times are not in the hourly sums, so requests themselves are read: the latest SAMPLE_MAX of each day, which is exact on
days with fewer and steady on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import RequestRow
from tollway.usage.listing import ERROR_STATUS_MIN
from tollway.usage.schemas import LatencyView

DAYS_MAX: Final = 31
SAMPLE_MAX: Final = 1_000


async def latency(tx: ReadTx, account_id: str, day_count: int, model: str | None = None) -> list[LatencyView]:
    """The last `day_count` days, today included; at most DAYS_MAX."""
    today = tx.now.astimezone(UTC).date()
    count = max(1, min(day_count, DAYS_MAX))
    return [await _day(tx, account_id, today - timedelta(days=count - 1 - n), model) for n in range(count)]


async def _day(tx: ReadTx, account_id: str, day: date, model: str | None) -> LatencyView:
    start = datetime.combine(day, time(), UTC)
    wanted = select(RequestRow.first_byte_us, RequestRow.total_us).where(
        RequestRow.account_id == account_id,
        RequestRow.started_at >= start,
        RequestRow.started_at < start + timedelta(days=1),
        RequestRow.status < ERROR_STATUS_MIN,
        RequestRow.error_code == "",
    )
    if model is not None:
        wanted = wanted.where(RequestRow.model == model)
    rows = (await tx.session.execute(wanted.order_by(RequestRow.started_at.desc()).limit(SAMPLE_MAX))).all()
    first_byte = sorted(row.first_byte_us for row in rows)
    total = sorted(row.total_us for row in rows)
    return LatencyView(
        day=day,
        sampled=len(rows),
        first_byte_us_p50=percentile(first_byte, 50),
        first_byte_us_p95=percentile(first_byte, 95),
        total_us_p50=percentile(total, 50),
        total_us_p95=percentile(total, 95),
    )


def percentile(ascending: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least `percent` of all are at most; None of nothing."""
    return int(ascending[-(-len(ascending) * percent // 100) - 1]) if ascending else None
