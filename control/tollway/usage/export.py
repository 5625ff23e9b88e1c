"""The requests as CSV (RFC 4180), streamed in batches: the same filters as the list, newest first.

A cell that a spreadsheet would run as a formula is quoted with an apostrophe: clients choose their request ids.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable
from io import StringIO
from typing import Any, Final

from sqlalchemy import func, select

from tollway.db.engine import Database
from tollway.db.tables import RequestRow
from tollway.errors import Invalid
from tollway.http.lists import ListQuery, encode_cursor
from tollway.usage.listing import Filter, cursor_of, rows_of
from tollway.usage.schemas import MemberUsageView

ROWS_MAX: Final = 100_000
_BATCH_ROWS: Final = 1_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
    "created_at",
    "request_id",
    "client_request_id",
    "key_id",
    "model",
    "endpoint",
    "status",
    "error_code",
    "stream",
    "estimated",
    "charge_usd",
    "first_byte_us",
    "total_us",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "requests",
    "images",
    "milliseconds",
    "characters",
)


async def require_bounded(db: Database, wanted: Filter) -> None:
    """Raises Invalid when there are more rows than a file may have: half a file would look like a whole one."""
    some = wanted.rows().with_only_columns(RequestRow.seq).limit(ROWS_MAX + 1).subquery()
    async with db.read_tx() as tx:
        count = int(await tx.session.scalar(select(func.count()).select_from(some)) or 0)
    if count > ROWS_MAX:
        raise Invalid("from", f"selects more than {ROWS_MAX} requests; choose a shorter period")


async def lines(db: Database, wanted: Filter) -> AsyncIterator[bytes]:
    """The file, piece by piece; each batch reads for itself, so that a slow reader holds no transaction."""
    yield _written([COLUMNS])
    page = ListQuery(_BATCH_ROWS)
    for _ in range(ROWS_MAX // _BATCH_ROWS):
        async with db.read_tx() as tx:
            rows = await rows_of(tx, page, wanted)
        shown = rows[:_BATCH_ROWS]
        if shown:
            yield _written(_cells(MemberUsageView.of(row)) for row in shown)
        if len(rows) <= _BATCH_ROWS:
            return
        page = ListQuery(_BATCH_ROWS, encode_cursor(cursor_of(shown[-1])))


def _cells(view: MemberUsageView) -> list[Any]:
    counts = view.counts
    return [
        view.created_at.isoformat().replace("+00:00", "Z"),
        view.request_id,
        _plain(view.client_request_id),
        view.key_id,
        _plain(view.model),
        view.endpoint,
        view.status,
        _plain(view.error_code),
        str(view.stream).lower(),
        str(view.estimated).lower(),
        view.charge,
        view.first_byte_us,
        view.total_us,
        *(counts[column.removesuffix("_tokens")] for column in COLUMNS[13:23]),
        *(counts[column] for column in COLUMNS[23:]),
    ]


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Iterable[Iterable[Any]]) -> bytes:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
