"""`/api/usage` for members, `/api/admin/usage` for operators; newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from tollway.http.callers import Caller
from tollway.http.deps import Asking, Ctx, Paging, Within
from tollway.http.lists import ListQuery, Page, to_page
from tollway.http.period import Period
from tollway.usage import export, latency, listing
from tollway.usage.explain import DetailView, explain
from tollway.usage.groups import Group, MemberGroup, grouped
from tollway.usage.listing import Filter
from tollway.usage.schemas import LatencyView, MemberUsageView, SummaryView, UsageView

Exactly = Annotated[str | None, QueryParameter(max_length=128)]
Failed = Annotated[bool, QueryParameter(description="only requests that ended with an error")]
Ended = Annotated[int | None, QueryParameter(name="status", ge=0, le=999, description="HTTP status of the answer")]
MemberGroupBy = Annotated[MemberGroup, QueryParameter(description="what the sums are divided by")]
GroupBy = Annotated[Group, QueryParameter(description="what the sums are divided by")]
Days = Annotated[int, QueryParameter(ge=1, le=latency.DAYS_MAX, description="days of UTC, today included")]


@get("/", summary="List this account's requests")
async def list_usage(
    ctx: Ctx,
    caller: Asking,
    page: Paging,
    period: Within,
    key_id: Exactly = None,
    model: Exactly = None,
    ended: Ended = None,
    failed: Failed = False,
) -> Page[MemberUsageView]:
    """Filters: `key_id`, `model`, `status`, `failed`, `from`, `to`; `q` in request ids and model."""
    wanted = _of_member(caller, page, period, key_id, model, ended, failed)
    async with ctx.db.read_tx() as tx:
        return await listing.member_page(tx, page, wanted)


def _of_member(
    caller: Caller,
    page: ListQuery,
    period: Period,
    key_id: str | None,
    model: str | None,
    status: int | None,
    failed: bool,
) -> Filter:
    return Filter(
        account_id=caller.account, key_id=key_id, model=model, status=status, failed=failed, q=page.q, period=period
    )


@get("/summary", summary="Sum this account's requests")
async def get_summary(ctx: Ctx, caller: Asking, period: Within, group_by: MemberGroupBy = "day") -> SummaryView:
    """By hour or day (UTC), model or key; of the latter the dearest 1,000. Without `from` the last 30 days; at most a
    year, by hours a month. `charge` is what the wallet paid.
    """
    async with ctx.db.read_tx() as tx:
        return SummaryView.of(await grouped(tx, period, group_by, caller.account), group_by)


@get("/latency", summary="How long this account's requests took")
async def get_latency(
    ctx: Ctx, caller: Asking, days: Days = latency.DAYS_MAX, model: Exactly = None
) -> Page[LatencyView]:
    """Median and 95th percentile by day, of the latest 1,000 served requests of each."""
    async with ctx.db.read_tx() as tx:
        return Page(await latency.latency(tx, caller.account, days, model))


@get("/api/usage.csv", summary="This account's requests as a CSV file")
async def export_usage(
    ctx: Ctx,
    caller: Asking,
    page: Paging,
    period: Within,
    key_id: Exactly = None,
    model: Exactly = None,
    ended: Ended = None,
    failed: Failed = False,
) -> Stream:
    """The filters of the list; 422 when they select more than 100,000 requests."""
    wanted = _of_member(caller, page, period, key_id, model, ended, failed)
    await export.require_bounded(ctx.db, wanted)
    headers = {"content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store"}
    return Stream(lambda: export.lines(ctx.db, wanted), media_type="text/csv; charset=utf-8", headers=headers)


@get("/{request_id:str}", summary="Read one request")
async def get_usage(ctx: Ctx, caller: Asking, request_id: FromPath[str]) -> DetailView:
    """By the `x-request-id` of its answer; with the lines its charge is the sum of."""
    async with ctx.db.read_tx() as tx:
        return DetailView.explained(await explain(tx, caller.account, request_id))


@get("/", summary="List requests")
async def admin_list_usage(
    ctx: Ctx,
    page: Paging,
    period: Within,
    account_id: Exactly = None,
    key_id: Exactly = None,
    model: Exactly = None,
    request_id: Exactly = None,
    ended: Ended = None,
    failed: Failed = False,
) -> Page[UsageView]:
    """Filters: `account_id`, `key_id`, `model`, `request_id`, `status`, `failed`, `from`, `to`; `q` in request ids
    and model.
    """
    wanted = Filter(
        account_id=account_id,
        key_id=key_id,
        model=model,
        request_id=request_id,
        status=ended,
        failed=failed,
        q=page.q,
        period=period,
    )
    async with ctx.db.read_tx() as tx:
        rows = await listing.rows_of(tx, page, wanted)
    return to_page(rows, page, UsageView.of, listing.cursor_of)


@get("/summary", summary="Sum requests")
async def admin_get_summary(
    ctx: Ctx, period: Within, group_by: GroupBy = "day", account_id: Exactly = None
) -> SummaryView:
    """Of all accounts, or of `account_id`; also by account or upstream. Otherwise as for members."""
    async with ctx.db.read_tx() as tx:
        return SummaryView.of(await grouped(tx, period, group_by, account_id), group_by)


member_router = Router("/api/usage", route_handlers=[list_usage, get_summary, get_latency, get_usage], tags=["usage"])
admin_router = Router("/api/admin/usage", route_handlers=[admin_list_usage, admin_get_summary], tags=["usage"])
file_router = Router("/", route_handlers=[export_usage], tags=["usage"])
