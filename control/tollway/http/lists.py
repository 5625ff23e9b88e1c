"""Lists: `?limit=50&cursor=…&q=…` → `{"data": […], "next_cursor": null}`.

A cursor is the last row's sort key, not an offset: rows that come or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter
from sqlalchemy import ColumnElement, Select, literal, or_, tuple_

from tollway.errors import Invalid

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
CURSOR_CHARS_MAX = 512
QUERY_CHARS_MAX = 200

Item = TypeVar("Item")
Row = TypeVar("Row")
# Any select, whatever its columns; what goes in comes out.
Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])


class Page(msgspec.Struct, Generic[Item]):
    """One page. `next_cursor` is null on the last one."""

    data: list[Item]
    next_cursor: str | None = None


class ListQuery(msgspec.Struct, frozen=True):
    """What the caller asked of a list."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    q: str | None = None


async def provide_list_query(
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="rows at most")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, QueryParameter(max_length=CURSOR_CHARS_MAX, description="next_cursor of the page before")
    ] = None,
    q: Annotated[str | None, QueryParameter(max_length=QUERY_CHARS_MAX, description="part of a name or id")] = None,
) -> ListQuery:
    """Dependency `page` of all lists."""
    return ListQuery(limit, cursor, q)


def like(columns: Sequence[Any], text: str) -> ColumnElement[bool]:
    """`text` anywhere in one of the columns, taken literally: `%` and `_` are characters, not wildcards."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def encode_cursor(values: Sequence[Any]) -> str:
    """Opaque to callers; bytes and times survive the journey."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(list(values))).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Raises Invalid(cursor) when it is not one of ours for this list."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.msgpack.decode(raw)
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("another list's cursor")
        return [_storable(msgspec.convert(value, kind)) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, OverflowError, RecursionError, binascii.Error, msgspec.MsgspecError) as exc:
        raise Invalid("cursor", "is not a cursor of this list; start again without one") from exc


def _storable(value: Any) -> Any:
    """What a column could hold, and so may be compared with one. Raises ValueError, OverflowError."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("beyond BIGINT")
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("NUL")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("no offset")
        return value.astimezone(UTC)
    return value


def after(
    statement: Statement, query: ListQuery, keys: Sequence[Any], kinds: Sequence[type], *, newest_first: bool
) -> Statement:
    """Order by `keys`, begin behind the cursor, and fetch one row more than asked: is there a next page?"""
    if query.cursor is not None:
        values = decode_cursor(query.cursor, kinds)
        bound = tuple_(*keys)
        limit = tuple_(*(literal(value, key.type) for value, key in zip(values, keys, strict=True)))
        statement = statement.where(bound < limit if newest_first else bound > limit)
    return statement.order_by(*(key.desc() if newest_first else key.asc() for key in keys)).limit(query.limit + 1)


def to_page(
    rows: Sequence[Row], query: ListQuery, view: Callable[[Row], Item], cursor_of: Callable[[Row], Sequence[Any]]
) -> Page[Item]:
    """Rows as fetched by `after` → the page's body."""
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    return Page([view(row) for row in shown], encode_cursor(cursor_of(shown[-1])) if more else None)
