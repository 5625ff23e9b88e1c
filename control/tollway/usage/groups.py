"""Sums of requests over any time, in groups: by hour or day (UTC), by model, key, account or upstream.

They come from the hourly sums, so a time is taken by whole hours: those that begin in it. Hours and days without
requests are there with zeroes; of models and the like the dearest come, so many as a caller may ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import func, select

from tollway.db.engine import ReadTx
from tollway.db.tables import UsageHourRow
from tollway.errors import Invalid
from tollway.http.period import Period
from tollway.usage.summary import SUMMED, Sums

MemberGroup = Literal["hour", "day", "model", "key"]
Group = Literal["hour", "day", "model", "key", "account", "upstream"]

GROUPS_MAX: Final = 1_000
HOURS_MAX: Final = timedelta(days=31)
DAYS_MAX: Final = timedelta(days=366)
DEFAULT: Final = timedelta(days=30)
# Far from where calendars end, so that no sum of times overflows.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_COLUMNS: Final[Mapping[Group, Any]] = {
    "model": UsageHourRow.model,
    "key": UsageHourRow.key_id,
    "account": UsageHourRow.account_id,
    "upstream": UsageHourRow.upstream,
}


class Grouped(msgspec.Struct):
    """`sums` by group; `more`: there are groups beyond GROUPS_MAX, which `total` holds too."""

    start: datetime
    end: datetime
    total: Sums
    sums: dict[str, Sums]
    more: bool


async def grouped(tx: ReadTx, period: Period, by: Group, account_id: str | None = None) -> Grouped:
    """One account's, or all. Without `from` the last 30 days. Raises Invalid for a time that ends before it begins or
    is longer than a year (a month by hours).
    """
    start, end = _bounds(tx, period, by)
    row = UsageHourRow
    wanted = select(*SUMMED).where(row.hour >= start, row.hour < end)
    if account_id is not None:
        wanted = wanted.where(row.account_id == account_id)
    total = _sums((await tx.session.execute(wanted)).one())
    if by in ("hour", "day"):
        sums = await _by_time(tx, wanted, by, start, end)
        return Grouped(start, end, total, sums, more=False)
    column = _COLUMNS[by]
    dearest = (func.sum(row.charge_nano).desc(), func.sum(row.calls).desc(), column)
    found = await tx.session.execute(
        wanted.add_columns(column).group_by(column).order_by(*dearest).limit(GROUPS_MAX + 1)
    )
    rows = [(str(name), _sums(values)) for *values, name in found]
    return Grouped(start, end, total, dict(rows[:GROUPS_MAX]), more=len(rows) > GROUPS_MAX)


async def _by_time(tx: ReadTx, wanted: Any, by: Group, start: datetime, end: datetime) -> dict[str, Sums]:
    # `date()` of a time is its day of UTC on both engines: text on SQLite, a date on PostgreSQL.
    bucket = UsageHourRow.hour if by == "hour" else func.date(UsageHourRow.hour)
    step, shown = (timedelta(hours=1), _hour) if by == "hour" else (timedelta(days=1), _day)
    sums: dict[str, Sums] = {}
    at = _floor(start, by)
    while at < end:
        sums[shown(at)] = Sums()
        at += step
    for *values, found in await tx.session.execute(wanted.add_columns(bucket).group_by(bucket)):
        sums[shown(found) if isinstance(found, datetime) else str(found)] = _sums(values)
    return sums


def _bounds(tx: ReadTx, period: Period, by: Group) -> tuple[datetime, datetime]:
    for field, at in (("from", period.start), ("to", period.end)):
        if at is not None and not EARLIEST <= at <= LATEST:
            raise Invalid(field, f"must lie between {EARLIEST.date()} and {LATEST.date()}")
    end = (period.end or tx.now).astimezone(UTC)
    start = period.start.astimezone(UTC) if period.start is not None else _midnight(end - DEFAULT + timedelta(days=1))
    if start >= end:
        raise Invalid("from", "must be before the end of the time that is asked for")
    longest = HOURS_MAX if by == "hour" else DAYS_MAX
    if end - start > longest:
        raise Invalid("from", f"selects more than {longest.days} days; choose a shorter time")
    return start, end


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), UTC)


def _floor(at: datetime, by: Group) -> datetime:
    """The first hour that begins in the time, or its day: a part of an hour is not in it."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    if hour < at:
        hour += timedelta(hours=1)
    return hour if by == "hour" else hour.replace(hour=0)


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:00:00Z}"


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


def _sums(values: Any) -> Sums:
    return Sums(*(int(value or 0) for value in values))
