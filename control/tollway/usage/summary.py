"""Sums of an account's requests by day, model and key, from the hourly sums that posting keeps.

A day is a day of UTC. `charge` is what the wallet paid. The sums say the same as the requests: reconcile compares them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from tollway.db.engine import ReadTx
from tollway.db.tables import UsageHourRow

DAYS_MAX: Final = 366
_IN: Final = (
    UsageHourRow.input_tokens,
    UsageHourRow.cache_read_tokens,
    UsageHourRow.cache_write_5m_tokens,
    UsageHourRow.cache_write_1h_tokens,
    UsageHourRow.audio_input_tokens,
    UsageHourRow.image_input_tokens,
)
_OUT: Final = (
    UsageHourRow.output_tokens,
    UsageHourRow.reasoning_tokens,
    UsageHourRow.audio_output_tokens,
    UsageHourRow.image_output_tokens,
)


def _sum(columns: tuple[Any, ...]) -> Any:
    first, *rest = columns
    for column in rest:
        first = first + column
    return first


# The columns of Sums, in its order.
SUMMED: Final = (
    func.sum(UsageHourRow.calls),
    func.sum(UsageHourRow.errors),
    func.sum(_sum(_IN)),
    func.sum(_sum(_OUT)),
    func.sum(UsageHourRow.charge_nano),
)


class Sums(msgspec.Struct):
    """What some requests come to. `tokens_in` and `tokens_out` count every kind of token that is priced so."""

    calls: int = 0
    errors: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    charge_nano: int = 0

    def add(self, other: Sums) -> None:
        """In place."""
        self.calls += other.calls
        self.errors += other.errors
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.charge_nano += other.charge_nano


class Share(msgspec.Struct):
    """One model or key: its sums, in all and by day, in the order of `Summary.days`."""

    name: str
    total: Sums
    by_day: list[Sums]


class Summary(msgspec.Struct):
    """An account over some days, the last of which is today. Models and keys come with the dearest first."""

    days: list[date]
    total: Sums
    by_day: list[Sums]
    by_model: list[Share]
    by_key: list[Share]


async def summarise(tx: ReadTx, account_id: str, day_count: int) -> Summary:
    """The last `day_count` days, today included; at most DAYS_MAX."""
    today = tx.now.astimezone(UTC).date()
    count = max(1, min(day_count, DAYS_MAX))
    days = [today - timedelta(days=count - 1 - n) for n in range(count)]
    places = {day: n for n, day in enumerate(days)}
    total, by_day = Sums(), [Sums() for _ in days]
    models: dict[str, list[Sums]] = defaultdict(lambda: [Sums() for _ in days])
    keys: dict[str, list[Sums]] = defaultdict(lambda: [Sums() for _ in days])
    for model, day, sums in await _days(tx, account_id, days[0], UsageHourRow.model):
        place = places.get(day)
        if place is None:  # a node's clock runs ahead of ours: tomorrow's requests show tomorrow
            continue
        for part in (total, by_day[place], models[model][place]):
            part.add(sums)
    for key_id, day, sums in await _days(tx, account_id, days[0], UsageHourRow.key_id):
        if day in places:
            keys[key_id][places[day]].add(sums)
    return Summary(days, total, by_day, _shares(models.items()), _shares(keys.items()))


async def _days(tx: ReadTx, account_id: str, first: date, column: Any) -> list[tuple[str, date, Sums]]:
    """One row per model or key and day, added up by the database: by hour, and by both at once, there would be hundreds
    of times as many.
    """
    row = UsageHourRow
    since = datetime.combine(first, time(), UTC)
    # `date()` of a time is its day of UTC on both engines: text on SQLite, a date on PostgreSQL.
    day = func.date(row.hour)
    wanted = select(column, day, *SUMMED).where(row.account_id == account_id, row.hour >= since).group_by(column, day)
    return [
        (str(name), date.fromisoformat(str(at)), Sums(*(int(value) for value in values)))
        for name, at, *values in await tx.session.execute(wanted)
    ]


def _shares(found: Iterable[tuple[str, list[Sums]]]) -> list[Share]:
    shares = []
    for name, by_day in found:
        total = Sums()
        for sums in by_day:
            total.add(sums)
        shares.append(Share(name, total, by_day))
    return sorted(shares, key=lambda share: (-share.total.charge_nano, -share.total.calls, share.name))
