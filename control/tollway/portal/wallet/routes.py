"""`/wallet`: available, held, spent; every movement with the balance after it; redeeming a code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from tollway.codes import service as codes
from tollway.codes.guesses import Guesses
from tollway.codes.schemas import RedeemWish
from tollway.errors import Conflict, Invalid, NotFound, RateLimited
from tollway.http.access import Access
from tollway.http.changes import current_generation
from tollway.http.context import Context
from tollway.http.deps import Ctx, Paging
from tollway.http.lists import ListQuery
from tollway.portal.frame.done import notice, went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.wallets import service
from tollway.wallets.schemas import EntryView

_DONE: Final[Mapping[str, str]] = {"redeemed": N_("The code is redeemed, and its money is in the wallet.")}
KINDS: Final[Mapping[str, str]] = {
    "deposit": N_("Added"),
    "withdrawal": N_("Taken back"),
    "settle": N_("Charged"),
}

_BY_CODE: Final = re.compile(r"redemption code (\S+)")


@get("/wallet")
async def show_wallet(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """The page; `q` looks in request ids and reasons."""
    return await _page(request, ctx, viewer, page, Form())


@post("/wallet")
async def take_code(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, guesses: NamedDependency[Guesses]
) -> Response[bytes]:
    """303 to the wallet with the money in it; the form again, with the code, when it was not taken."""
    form = await read_form(request, viewer)
    try:
        wish = to_body({"code": form.value("code").strip()}, RedeemWish)
        await codes.redeem(ctx.db, ctx.vault, guesses, viewer.caller, wish.code)
    except (Conflict, Invalid, NotFound, RateLimited) as exc:
        message = exc.errors[0].message if exc.errors else exc.message
        form = Form(form.values, {"code": in_words(message, exc.own_code, viewer.words)})
        # A code that is not known is a wrong value in a form, not a page that is not there.
        status = Invalid.status if isinstance(exc, NotFound) else exc.status
        headers = {"retry-after": str(exc.retry_after_s)} if exc.retry_after_s is not None else None
        return await _page(request, ctx, viewer, ListQuery(), form, status, headers)
    async with ctx.db.read_tx() as tx:
        generation = await current_generation(tx)
    return went_well(viewer, "/wallet", "redeemed", generation)


async def _page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    page: ListQuery,
    form: Form,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    account_id = viewer.caller.account
    async with ctx.db.read_tx() as tx:
        wallet = await service.wallet(tx, account_id)
        entries = await service.entries(tx, account_id, page)
    return render(
        request,
        viewer,
        "wallet/page.html",
        status=status,
        headers=headers,
        notice=notice(viewer, _DONE),
        form=form,
        wallet=wallet,
        out_of_money=wallet.available.strip("-0.") == "",
        entries=entries,
        q=page.q or "",
        untouched=not (entries.data or page.q or page.cursor),
        KINDS=KINDS,
        hint_of=hint_of,
    )


def hint_of(entry: EntryView) -> str | None:
    """Which code a deposit came from. Its reason is in English, for operators; a page says it in its own way."""
    match = _BY_CODE.fullmatch(entry.reason)
    return match.group(1) if match is not None and entry.kind == "deposit" else None


HANDLERS: Final = (show_wallet, take_code)
ACCESS: Final = {("GET", "/wallet"): Access.VIEWER, ("POST", "/wallet"): Access.MEMBER}
