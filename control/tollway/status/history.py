"""The last 24 hours by hour, or the last 30 days by day (UTC): gateway and models, as anybody may see them.

Models are those that the group `default` may call, as in `GET /api/status`; a model's rate counts what its providers
served of what they were asked, whoever asked, so what callers got wrong is left out. Rates only, no numbers of
requests: how much an account calls is its own matter.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import func, select

from tollway.db.engine import Database, ReadTx
from tollway.db.tables import GroupRow, ModelRow, StatusHourRow, UsageHourRow
from tollway.errors import Unavailable
from tollway.http.globs import patterns

Window = Literal["24h", "30d"]
State = Literal["up", "degraded", "down", "unknown"]

MODELS_MAX: Final = 500
# A month of hourly sums is much to read, and its days change slowly.
CACHE_S: Final[Mapping[Window, float]] = {"24h": 30.0, "30d": 300.0}
# Those who ask while it is being read wait for it, so long.
WAIT_S_MAX: Final = 5.0
STRANGERS_GROUP: Final = "default"
# The rules of `GET /api/status`, for longer times.
DOWN_REQUESTS_MIN: Final = 5
DOWN_BELOW: Final = 0.5
DEGRADED_BELOW: Final = 0.95
_STEPS: Final[Mapping[Window, tuple[timedelta, int]]] = {
    "24h": (timedelta(hours=1), 24),
    "30d": (timedelta(days=1), 30),
}
_RATE_PLACES: Final = 6


class Point(msgspec.Struct, frozen=True):
    """One hour or day, by its beginning. `rate` is null and `state` unknown where nobody looked or nobody called."""

    at: datetime
    state: State
    rate: float | None


class Line(msgspec.Struct, frozen=True):
    """The whole window, and its points in the order of time."""

    rate: float | None
    points: list[Point]


class ModelLine(msgspec.Struct, frozen=True):
    """One model's."""

    name: str
    kind: str
    rate: float | None
    points: list[Point]


class History(msgspec.Struct, frozen=True):
    """`gateway.rate`: the share of looks that found the gateway answering (up or degraded). A model's: the share of
    requests that its providers served.
    """

    window: Window
    step_seconds: int
    measured_at: datetime
    gateway: Line
    models: list[ModelLine]


class Histories:
    """Each window, remembered for a while: anybody may ask, so the database must not pay for each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Window, tuple[float, History]] = {}
        self._making = asyncio.Lock()

    async def get(self, db: Database, window: Window) -> History:
        """The history, at most `CACHE_S[window]` old. Raises Unavailable when it cannot be had in time."""
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await self._making.acquire()
        except TimeoutError:
            raise Unavailable("the history is still being read; try again", retry_after_s=1) from None
        try:
            kept = self._kept.get(window)
            if kept is not None and self._clock() - kept[0] < CACHE_S[window]:
                return kept[1]
            async with db.read_tx() as tx:
                made = await history(tx, window)
            self._kept[window] = (self._clock(), made)
            return made
        finally:
            self._making.release()


async def history(tx: ReadTx, window: Window) -> History:
    """Read it from the hourly counts."""
    step, count = _STEPS[window]
    last = _floor(tx.now, step)
    starts = [last - step * (count - 1 - n) for n in range(count)]
    models = await _models(tx)
    served = await _served(tx, starts[0], step)
    return History(
        window=window,
        step_seconds=int(step.total_seconds()),
        measured_at=tx.now,
        gateway=await _gateway(tx, starts, step),
        models=[_model_line(name, kind, served.get(name, {}), starts) for name, kind in models],
    )


async def _gateway(tx: ReadTx, starts: list[datetime], step: timedelta) -> Line:
    row = StatusHourRow
    sums: dict[datetime, list[int]] = defaultdict(lambda: [0, 0, 0])
    wanted = select(row.hour, row.up, row.degraded, row.down).where(row.hour >= starts[0])
    for hour, *counts in await tx.session.execute(wanted):
        total = sums[_floor(hour, step)]
        for n, value in enumerate(counts):
            total[n] += value
    points = [_gateway_point(at, *sums[at]) if at in sums else Point(at, "unknown", None) for at in starts]
    seen = [sums[at] for at in starts if at in sums]
    answered, looks = sum(up + degraded for up, degraded, _ in seen), sum(sum(counts) for counts in seen)
    return Line(_rate(answered, looks), points)


def _gateway_point(at: datetime, up: int, degraded: int, down: int) -> Point:
    looks = up + degraded + down
    rate = _rate(up + degraded, looks)
    state: State = "unknown" if rate is None else "down" if rate < DOWN_BELOW else "up" if up == looks else "degraded"
    return Point(at, state, rate)


async def _models(tx: ReadTx) -> list[tuple[str, str]]:
    """Name and kind of the models that strangers may know of."""
    globs = await tx.session.scalar(
        select(GroupRow.models).where(GroupRow.name == STRANGERS_GROUP, GroupRow.deleted_at.is_(None))
    )
    reach = patterns(globs or [])
    wanted = select(ModelRow.name, ModelRow.kind).where(ModelRow.deleted_at.is_(None), ModelRow.enabled)
    rows = await tx.session.execute(wanted.order_by(ModelRow.name))
    return [(name, kind) for name, kind in rows if reach.fullmatch(name)][:MODELS_MAX]


async def _served(tx: ReadTx, since: datetime, step: timedelta) -> dict[str, dict[datetime, tuple[int, int]]]:
    """Model → hour or day → (served, asked), where what callers or we ourselves got wrong was not asked."""
    row = UsageHourRow
    # `date()` of a time is its day of UTC on both engines: text on SQLite, a date on PostgreSQL.
    bucket: Any = row.hour if step < timedelta(days=1) else func.date(row.hour)
    asked = func.sum(row.calls - row.errors + row.faults)
    wanted = select(row.model, bucket, asked, func.sum(row.faults)).where(row.hour >= since).group_by(row.model, bucket)
    found: dict[str, dict[datetime, tuple[int, int]]] = defaultdict(dict)
    for model, at, asked_sum, faults in await tx.session.execute(wanted):
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at)).replace(tzinfo=UTC)
        found[model][moment] = (int(asked_sum) - int(faults), int(asked_sum))
    return found


def _model_line(name: str, kind: str, served: Mapping[datetime, tuple[int, int]], starts: list[datetime]) -> ModelLine:
    counts = [served.get(at, (0, 0)) for at in starts]
    points = [_model_point(at, good, asked) for at, (good, asked) in zip(starts, counts, strict=True)]
    return ModelLine(name, kind, _rate(sum(good for good, _ in counts), sum(asked for _, asked in counts)), points)


def _model_point(at: datetime, good: int, asked: int) -> Point:
    rate = _rate(good, asked)
    if rate is None:
        return Point(at, "unknown", None)
    if rate < DOWN_BELOW and asked >= DOWN_REQUESTS_MIN:
        return Point(at, "down", rate)
    return Point(at, "degraded" if rate < DEGRADED_BELOW else "up", rate)


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, _RATE_PLACES) if whole else None


def _floor(at: datetime, step: timedelta) -> datetime:
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if step < timedelta(days=1) else hour.replace(hour=0)
