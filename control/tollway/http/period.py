"""The time filter of reports: `?from=…&to=…`, RFC 3339, from inclusive, to exclusive."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from tollway.errors import Invalid
from tollway.http.fields import Moment, in_utc
from tollway.http.lists import Statement


class Period(msgspec.Struct, frozen=True):
    """Both ends may be open."""

    start: datetime | None = None
    end: datetime | None = None

    def within(self, statement: Statement, column: Any) -> Statement:
        """Only rows whose `column` lies in it."""
        if self.start is not None:
            statement = statement.where(column >= self.start)
        return statement.where(column < self.end) if self.end is not None else statement


ANY_TIME = Period()


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        # "+" of an offset arrives as a space when the client did not escape it.
        at = msgspec.convert(text.replace(" ", "+"), Moment)
    except msgspec.ValidationError as exc:
        raise Invalid(field, "must be a time with its offset (RFC 3339), such as 2026-11-24T10:00:00Z") from exc
    return in_utc(at, field)


async def provide_period(
    start: Annotated[str | None, QueryParameter(name="from", max_length=64, description="RFC 3339, inclusive")] = None,
    end: Annotated[str | None, QueryParameter(name="to", max_length=64, description="RFC 3339, exclusive")] = None,
) -> Period:
    """Dependency `period`. Raises Invalid."""
    return Period(_moment(start, "from"), _moment(end, "to"))
