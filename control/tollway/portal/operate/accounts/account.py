"""One account's page: its wallet, its settings, its keys and people, and the form that moves money.

The page has several small forms; `do` says which was sent, and only that one is shown again with what was typed. The
form that moves money carries a random id: sent twice, by a double click or by going back, it moves the money once.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.accounts import service
from tollway.accounts.schemas import AccountPatch
from tollway.errors import Invalid, TollwayError
from tollway.groups import service as groups
from tollway.http import idempotency
from tollway.http.callers import Caller
from tollway.http.changes import GENERATION_HEADER
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.http.lists import ListQuery
from tollway.keys import service as keys
from tollway.keys.schemas import KeyPatch
from tollway.money import parse_usd
from tollway.portal.frame.done import went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.common import notice, one_of, refused, version_of
from tollway.users import service as users
from tollway.wallets.crediting import credit_once
from tollway.wallets.schemas import CreditWish

LIST: Final = "/operate/accounts"
_MONEY_FIELDS: Final = one_of(("amount", "reason"))
_SETTING_FIELDS: Final = one_of(("name", "group", "extra_groups", "limits.rpm"))
_NOWHERE: Final = one_of(())
_MONEY_ID_BYTES: Final = 18
_MONEY_ID_CHARS: Final = 24


def address(account_id: str) -> str:
    """The account's page."""
    return f"{LIST}/{account_id}"


class Forms(msgspec.Struct):
    """The page's forms, each with its own typed values."""

    settings: Form = msgspec.field(default_factory=Form)
    money: Form = msgspec.field(default_factory=Form)
    keys: Form = msgspec.field(default_factory=Form)


@get(f"{LIST}/{{account_id:str}}")
async def show_account(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, account_id: FromPath[str]
) -> Response[bytes]:
    """The account."""
    return await _page(request, ctx, viewer, account_id, Forms())


@post(f"{LIST}/{{account_id:str}}")
async def change_account(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, account_id: FromPath[str]
) -> Response[bytes]:
    """One of the page's forms; 303."""
    form = await read_form(request, viewer)
    act = _ACTS.get(form.value("do"))
    if act is None:
        raise Invalid("do", "is not an action of this page")
    try:
        code, generation = await act(ctx, caller, account_id, form)
    except TollwayError as exc:
        forms = _refused(form, exc, viewer)
        return await _page(request, ctx, viewer, account_id, forms, exc.status)
    return went_well(viewer, address(account_id), code, generation)


def _refused(form: Form, error: TollwayError, viewer: Viewer) -> Forms:
    match form.value("do"):
        case "credit" | "debit":
            return Forms(money=refused(form, error, viewer.words, shows=_MONEY_FIELDS))
        case "save":
            return Forms(settings=refused(form, error, viewer.words, shows=_SETTING_FIELDS))
        case _:
            return Forms(keys=refused(form, error, viewer.words, shows=_NOWHERE))


async def _save(ctx: Context, caller: Caller, account_id: str, form: Form) -> tuple[str, int | None]:
    values = {
        "name": form.value("name").strip(),
        "group": form.text("group"),
        "extra_groups": form.many("extra_groups"),
        "enabled": form.checked("enabled"),
        "limits": {"rpm": form.whole("limits.rpm")},
    }
    async with ctx.db.write_tx() as tx:
        await service.change(tx, caller, account_id, to_body(values, AccountPatch), version_of(form))
    return "saved", tx.generation


async def _move_money(ctx: Context, caller: Caller, account_id: str, form: Form) -> tuple[str, int | None]:
    """Credit and debit are two buttons over one positive amount: a forgotten sign must not turn one into the other."""
    amount = form.value("amount").strip()
    if parse_usd(amount) == 0:
        raise Invalid("amount", "must not be zero")
    takes = form.value("do") == "debit"
    money_id = form.value("money_id")
    if len(money_id) != _MONEY_ID_CHARS or not money_id.isascii() or not money_id.isprintable():
        raise Invalid("money_id", "is required")
    wish = to_body({"amount": f"-{amount}" if takes else amount, "reason": form.value("reason").strip()}, CreditWish)
    tried = idempotency.attempt(caller.id, address(account_id), money_id, wish)
    answer = await credit_once(ctx.db, caller, account_id, wish, tried)
    if idempotency.REPLAY_HEADER in answer.headers:
        return "replayed", None
    return "taken" if takes else "credited", int(answer.headers[GENERATION_HEADER])


async def _switch_key(ctx: Context, caller: Caller, account_id: str, form: Form) -> tuple[str, int | None]:
    on = form.value("do") == "enable-key"
    async with ctx.db.write_tx() as tx:
        key = await keys.require(tx, form.value("key_id"), account_id)
        await keys.change(tx, caller, key.id, KeyPatch(enabled=on), None, None)
    return "key-enabled" if on else "key-disabled", tx.generation


_Act = Callable[[Context, Caller, str, Form], Awaitable[tuple[str, int | None]]]
_ACTS: Final[dict[str, _Act]] = {
    "save": _save,
    "credit": _move_money,
    "debit": _move_money,
    "disable-key": _switch_key,
    "enable-key": _switch_key,
}


async def _page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    account_id: str,
    forms: Forms,
    status: int = 200,
) -> Response[bytes]:
    keys_page = ListQuery(cursor=request.query_params.get("cursor"))
    async with ctx.db.read_tx() as tx:
        account = await service.view_of(tx, await service.require(tx, account_id))
        found = await keys.list_page(tx, keys_page, account_id)
        members = await users.members_of(tx, account_id)
        known = await groups.names(tx)
    return render(
        request,
        viewer,
        "operate/accounts/account.html",
        status=status,
        account=account,
        forms=forms,
        keys=found,
        members=members,
        groups=known,
        # A new id for each form that is drawn, also after one that was refused: then nothing was moved.
        money_id=secrets.token_urlsafe(_MONEY_ID_BYTES),
        notice=notice(viewer),
    )
