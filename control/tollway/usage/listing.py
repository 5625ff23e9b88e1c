"""Lists of requests, newest first: what the API, the pages and the CSV all show, by the same filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Select, or_, select

from tollway.db.engine import ReadTx
from tollway.db.tables import KeyRow, RequestRow
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.http.period import Period
from tollway.usage.schemas import MemberUsageView

ERROR_STATUS_MIN: Final = 400
# The hold id makes the order total: many requests start in one millisecond.
ORDER: Final = (RequestRow.started_at, RequestRow.node_id, RequestRow.epoch, RequestRow.seq)
_KINDS: Final = (datetime, str, int, int)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests; None and False leave a thing open. `failed`: only those that ended with an error."""

    account_id: str | None = None
    key_id: str | None = None
    model: str | None = None
    request_id: str | None = None
    status: int | None = None
    failed: bool = False
    q: str | None = None
    period: Period = Period()

    def rows(self) -> Select[RequestRow]:
        """The statement, without an order. `q` is looked for in request ids and model."""
        wanted = self.period.within(select(RequestRow), RequestRow.started_at)
        exact = (
            (RequestRow.account_id, self.account_id),
            (RequestRow.key_id, self.key_id),
            (RequestRow.model, self.model),
            (RequestRow.request_id, self.request_id),
            (RequestRow.status, self.status),
        )
        for column, value in exact:
            if value is not None:
                wanted = wanted.where(column == value)
        if self.failed:
            wanted = wanted.where(or_(RequestRow.status >= ERROR_STATUS_MIN, RequestRow.error_code != ""))
        if self.q:
            wanted = wanted.where(like((RequestRow.request_id, RequestRow.client_request_id, RequestRow.model), self.q))
        return wanted


def cursor_of(row: RequestRow) -> tuple[datetime, str, int, int]:
    """Where the next page begins."""
    return (row.started_at, row.node_id, row.epoch, row.seq)


async def rows_of(tx: ReadTx, page: ListQuery, wanted: Filter) -> Sequence[RequestRow]:
    """One page's rows and one more. Raises Invalid for a cursor of another list."""
    rows = await tx.session.scalars(after(wanted.rows(), page, ORDER, _KINDS, newest_first=True))
    return list(rows)


async def member_page(tx: ReadTx, page: ListQuery, wanted: Filter) -> Page[MemberUsageView]:
    """One page as the account sees it."""
    return to_page(await rows_of(tx, page, wanted), page, MemberUsageView.of, cursor_of)


async def key_names(tx: ReadTx, account_id: str, ids: Sequence[str] | None = None) -> dict[str, str]:
    """Id → name of the account's keys, revoked ones too: their requests are still there. `ids`: only these."""
    wanted = select(KeyRow.id, KeyRow.name).where(KeyRow.account_id == account_id)
    if ids is not None:
        wanted = wanted.where(KeyRow.id.in_(ids))
    return {str(key_id): str(name) for key_id, name in await tx.session.execute(wanted)}
