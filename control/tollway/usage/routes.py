"""`/api/usage` for members, `/api/admin/usage` for operators; newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Router, get
from litestar.params import FromPath, QueryParameter
from sqlalchemy import Select, select

from tollway.db.tables import RequestRow
from tollway.errors import NotFound
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging, Within
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.http.period import Period
from tollway.usage.schemas import MemberUsageView, UsageView

Filter = Annotated[str | None, QueryParameter(max_length=128)]
# The hold id makes the order total: many requests start in one millisecond.
_ORDER = (RequestRow.started_at, RequestRow.node_id, RequestRow.epoch, RequestRow.seq)
_KINDS = (datetime, str, int, int)


async def _rows(ctx: Context, page: ListQuery, wanted: Select[Any]) -> list[RequestRow]:
    if page.q:
        wanted = wanted.where(like((RequestRow.request_id, RequestRow.client_request_id, RequestRow.model), page.q))
    async with ctx.db.read_tx() as tx:
        return list((await tx.session.scalars(after(wanted, page, _ORDER, _KINDS, newest_first=True))).all())


def _cursor(row: RequestRow) -> tuple[datetime, str, int, int]:
    return (row.started_at, row.node_id, row.epoch, row.seq)


def _filtered(
    period: Period, account_id: str | None, key_id: str | None, model: str | None, request_id: str | None
) -> Select[Any]:
    wanted = period.within(select(RequestRow), RequestRow.started_at)
    exact = (
        (RequestRow.account_id, account_id),
        (RequestRow.key_id, key_id),
        (RequestRow.model, model),
        (RequestRow.request_id, request_id),
    )
    for column, value in exact:
        if value is not None:
            wanted = wanted.where(column == value)
    return wanted


@get("/", summary="List this account's requests")
async def list_usage(
    ctx: Ctx, caller: Asking, page: Paging, period: Within, key_id: Filter = None, model: Filter = None
) -> Page[MemberUsageView]:
    """Filters: `key_id`, `model`, `from`, `to`; `q` in request ids and model."""
    rows = await _rows(ctx, page, _filtered(period, caller.account, key_id, model, None))
    return to_page(rows, page, MemberUsageView.of, _cursor)


@get("/{request_id:str}", summary="Read one request")
async def get_usage(ctx: Ctx, caller: Asking, request_id: FromPath[str]) -> MemberUsageView:
    """By the `x-request-id` of its answer."""
    wanted = select(RequestRow).where(RequestRow.account_id == caller.account, RequestRow.request_id == request_id)
    async with ctx.db.read_tx() as tx:
        row = await tx.session.scalar(wanted.limit(1))
    if row is None:
        raise NotFound("there is no such request in this account; it shows within 2 s of its end")
    return MemberUsageView.of(row)


@get("/", summary="List requests")
async def admin_list_usage(
    ctx: Ctx,
    page: Paging,
    period: Within,
    account_id: Filter = None,
    key_id: Filter = None,
    model: Filter = None,
    request_id: Filter = None,
) -> Page[UsageView]:
    """Filters: `account_id`, `key_id`, `model`, `request_id`, `from`, `to`."""
    rows = await _rows(ctx, page, _filtered(period, account_id, key_id, model, request_id))
    return to_page(rows, page, UsageView.of, _cursor)


member_router = Router("/api/usage", route_handlers=[list_usage, get_usage], tags=["usage"])
admin_router = Router("/api/admin/usage", route_handlers=[admin_list_usage], tags=["usage"])
