"""`/usage` and `/usage/<request id>`."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from tollway.db.engine import ReadTx
from tollway.http.access import Access
from tollway.http.callers import Caller
from tollway.http.deps import Asking, Ctx, Paging
from tollway.http.lists import ListQuery, Page
from tollway.portal.components.chart import share_bar
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.models.prices import PRICE_NAMES, factor, unit_of
from tollway.portal.usage import view
from tollway.portal.usage.words import COUNT_NAMES, ENDPOINT_NAMES, OUTCOME_NAMES, duration
from tollway.usage import listing, summary
from tollway.usage.explain import explain
from tollway.usage.listing import Filter
from tollway.usage.schemas import MemberUsageView

ROWS_MAX: Final = 25


@get("/usage")
async def show_usage(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, page: Paging
) -> Response[bytes]:
    """Charts, totals and the log. 422 with the page when a filter's day is none."""
    async with ctx.db.read_tx() as tx:
        choice = view.choose(request.query_params, caller.account, tx.now.astimezone(UTC).date(), viewer.words)
        sums = await summary.summarise(tx, caller.account, int(choice.days))
        log = await _log(tx, page, choice)
        names = await listing.key_names(tx, caller.account, _keys_of(sums, log))
        ever = bool(sums.total.calls or log.data) or await _any(tx, caller)
    return render(
        request,
        viewer,
        "usage/page.html",
        status=422 if choice.form.failed else 200,
        choice=choice,
        form=choice.form,
        sums=sums,
        chart=view.chart_of(sums, choice, names, viewer.words) if sums.total.calls else None,
        said=view.said(choice.show, viewer.words),
        bar=lambda share: share_bar(view.part_of(share, sums.total, choice.show), "colour-1"),
        log=log,
        key_names=names,
        ever=ever,
        periods=view.PERIODS,
        measures=view.MEASURES,
        divisions=view.DIVISIONS,
        duration=lambda us: duration(us, viewer.words),
        account_query=_account_query(viewer),
    )


def _account_query(viewer: Viewer) -> str:
    """An account that the address names, rather than this browser's choice, is named by the page's links too."""
    named = next((value for name, value in viewer.query if name == "account_id"), None)
    return f"?{urlencode({'account_id': named})}" if named else ""


async def _log(tx: ReadTx, page: ListQuery, choice: view.Choice) -> Page[MemberUsageView]:
    if choice.form.failed:
        return Page([])
    return await listing.member_page(tx, msgspec.structs.replace(page, limit=min(page.limit, ROWS_MAX)), choice.wanted)


def _keys_of(sums: summary.Summary, log: Page[MemberUsageView]) -> list[str]:
    return sorted({share.name for share in sums.by_key} | {row.key_id for row in log.data})


async def _any(tx: ReadTx, caller: Caller) -> bool:
    """Whether this account ever called anything: an empty period is not an empty account."""
    return bool(await listing.rows_of(tx, ListQuery(limit=1), Filter(account_id=caller.account)))


@get("/usage/{request_id:str}")
async def show_request(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, request_id: FromPath[str]
) -> Response[bytes]:
    """One request, explained. 404 for another account's."""
    async with ctx.db.read_tx() as tx:
        found = await explain(tx, caller.account, request_id)
        names = await listing.key_names(tx, caller.account, [found.usage.key_id])
    return render(
        request,
        viewer,
        "usage/request.html",
        found=found,
        row=found.usage,
        key_name=names.get(found.usage.key_id, found.usage.key_id),
        count_names=COUNT_NAMES,
        price_names=PRICE_NAMES,
        endpoint_names=ENDPOINT_NAMES,
        outcome_names=OUTCOME_NAMES,
        unit_of=unit_of,
        factor=factor(found.multiplier, viewer.words),
        account_query=_account_query(viewer),
        duration=lambda us: duration(us, viewer.words),
    )


HANDLERS: Final = (show_usage, show_request)
ACCESS: Final = {("GET", "/usage"): Access.VIEWER, ("GET", "/usage/{request_id}"): Access.VIEWER}
