"""`/api/usage` for members, `/api/admin/usage` for operators; newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy import select

from tollway.db.tables import RequestRow
from tollway.errors import NotFound
from tollway.http.deps import Asking, Ctx, Paging, Within
from tollway.http.lists import Page, to_page
from tollway.usage import export, listing, summary
from tollway.usage.listing import Filter
from tollway.usage.schemas import MemberUsageView, SummaryView, UsageView

Exactly = Annotated[str | None, QueryParameter(max_length=128)]
Failed = Annotated[bool, QueryParameter(description="only requests that ended with an error")]
Days = Annotated[int, QueryParameter(ge=1, le=summary.DAYS_MAX, description="days of UTC, today included")]
DAYS_DEFAULT = 30


@get("/", summary="List this account's requests")
async def list_usage(
    ctx: Ctx,
    caller: Asking,
    page: Paging,
    period: Within,
    key_id: Exactly = None,
    model: Exactly = None,
    failed: Failed = False,
) -> Page[MemberUsageView]:
    """Filters: `key_id`, `model`, `failed`, `from`, `to`; `q` in request ids and model."""
    wanted = Filter(account_id=caller.account, key_id=key_id, model=model, failed=failed, q=page.q, period=period)
    async with ctx.db.read_tx() as tx:
        return await listing.member_page(tx, page, wanted)


@get("/summary", summary="Sum this account's requests by day, model and key")
async def get_summary(ctx: Ctx, caller: Asking, days: Days = DAYS_DEFAULT) -> SummaryView:
    """The last `days` days. `charge` is what the wallet paid."""
    async with ctx.db.read_tx() as tx:
        return SummaryView.of(await summary.summarise(tx, caller.account, days))


@get("/api/usage.csv", summary="This account's requests as a CSV file")
async def export_usage(
    ctx: Ctx,
    caller: Asking,
    page: Paging,
    period: Within,
    key_id: Exactly = None,
    model: Exactly = None,
    failed: Failed = False,
) -> Stream:
    """The filters of the list; 422 when they select more than 100,000 requests."""
    wanted = Filter(account_id=caller.account, key_id=key_id, model=model, failed=failed, q=page.q, period=period)
    await export.require_bounded(ctx.db, wanted)
    headers = {"content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store"}
    return Stream(lambda: export.lines(ctx.db, wanted), media_type="text/csv; charset=utf-8", headers=headers)


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
    account_id: Exactly = None,
    key_id: Exactly = None,
    model: Exactly = None,
    request_id: Exactly = None,
    failed: Failed = False,
) -> Page[UsageView]:
    """Filters: `account_id`, `key_id`, `model`, `request_id`, `failed`, `from`, `to`; `q` in request ids and model."""
    wanted = Filter(
        account_id=account_id,
        key_id=key_id,
        model=model,
        request_id=request_id,
        failed=failed,
        q=page.q,
        period=period,
    )
    async with ctx.db.read_tx() as tx:
        rows = await listing.rows_of(tx, page, wanted)
    return to_page(rows, page, UsageView.of, listing.cursor_of)


member_router = Router("/api/usage", route_handlers=[list_usage, get_summary, get_usage], tags=["usage"])
admin_router = Router("/api/admin/usage", route_handlers=[admin_list_usage], tags=["usage"])
file_router = Router("/", route_handlers=[export_usage], tags=["usage"])
