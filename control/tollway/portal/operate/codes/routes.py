"""`/operate/codes`: list by what became of them, making some (their text is shown once), revoking one.

The POST that makes codes answers with the page that shows them, because they are nowhere else afterwards. That page
loaded again leads to the list: `operate/once.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, cast, get_args

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter

from tollway.codes import service
from tollway.codes.schemas import COUNT_MAX, CodesWish, CodeView, State
from tollway.db.engine import ReadTx
from tollway.errors import Conflict, Invalid, TollwayError
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging
from tollway.money import format_usd, parse_usd
from tollway.portal.frame.done import notice, went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.common import one_of, refused
from tollway.portal.operate.once import fresh_id, make_once, used_up
from tollway.users import service as users

LIST: Final = "/operate/codes"
_NEW: Final = f"{LIST}/new"
STATES: Final = (("open", N_("Not redeemed")), ("redeemed", N_("Redeemed")), ("revoked", N_("Revoked")))
_FIELDS: Final = one_of(("amount", "count", "note"))
_DONE: Final = {
    "revoked": N_("The code is revoked. It is worth nothing any more."),
    "made-before": N_("This form was sent before. Its codes were made then, once; they cannot be shown again."),
}
_REDEEMED_MEANWHILE: Final = N_("This code was redeemed meanwhile. It cannot be revoked; its money is in the wallet.")
_InState = Annotated[str, QueryParameter(name="state", max_length=16)]


@get(LIST)
async def list_codes(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging, ended: _InState = ""
) -> Response[bytes]:
    """Newest first, with who made, redeemed or revoked each."""
    if ended not in ("", *get_args(State)):
        raise Invalid("state", "is not a state of codes")
    async with ctx.db.read_tx() as tx:
        found = await service.list_page(tx, page, cast(State, ended) if ended else None)
        names = await _names(tx, found.data)
    return render(
        request,
        viewer,
        "operate/codes/list.html",
        page=found,
        names=names,
        states=STATES,
        state=ended,
        q=page.q or "",
        narrowed=bool(page.q or ended or page.cursor),
        notice=notice(viewer, _DONE),
    )


@get(_NEW)
async def new_codes(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """The form."""
    return _new_page(request, viewer, Form())


@post(_NEW)
async def make_codes(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """201 with the codes, this once; 303 to the list when this form made them before."""
    form = await read_form(request, viewer)
    try:
        wish = to_body(
            {"amount": form.value("amount").strip(), "count": _count(form), "note": form.value("note").strip()},
            CodesWish,
        )
        view = await make_once(ctx, caller, _NEW, form, wish, lambda tx: service.make(tx, ctx.vault, caller, wish))
    except TollwayError as exc:
        form = used_up(form, exc, viewer.words) or refused(form, exc, viewer.words, shows=_FIELDS)
        return _new_page(request, viewer, form, exc.status)
    if view is None:
        return went_well(viewer, LIST, "made-before")
    total = format_usd(parse_usd(view.amount) * len(view.codes))
    return render(request, viewer, "operate/codes/made.html", status=201, made=view, total=total)


@get(f"{LIST}/{{code_id:str}}/revoke")
async def ask_revoke(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, code_id: FromPath[str]
) -> Response[bytes]:
    """Asks first; a code that was redeemed or revoked has nothing to ask."""
    return await _revoke_page(request, ctx, viewer, code_id, Form())


@post(f"{LIST}/{{code_id:str}}/revoke")
async def revoke_code(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, code_id: FromPath[str]
) -> Response[bytes]:
    """303 to the list."""
    form = await read_form(request, viewer)
    if form.value("do") != "revoke":
        raise Invalid("do", "is not an action of this page")
    try:
        async with ctx.db.write_tx() as tx:
            await service.revoke(tx, caller, code_id)
    except Conflict as exc:
        form = Form(form.values, {}, viewer.words.gettext(_REDEEMED_MEANWHILE))
        return await _revoke_page(request, ctx, viewer, code_id, form, exc.status)
    return went_well(viewer, LIST, "revoked")


def _count(form: Form) -> int:
    count = form.whole("count")
    if count is None:
        raise Invalid("count", "is required")
    return count


async def _names(tx: ReadTx, codes: list[CodeView]) -> dict[str, str]:
    """The e-mail of everybody who did something to these codes."""
    people = {person for code in codes for person in (code.created_by, code.redeemed_by, code.revoked_by)}
    return await users.emails(tx, [person for person in people if person is not None])


def _new_page(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(
        request,
        viewer,
        "operate/codes/new.html",
        status=status,
        form=form,
        form_id=fresh_id(),
        count_max=COUNT_MAX,
    )


async def _revoke_page(
    request: Request[Any, Any, Any], ctx: Context, viewer: Viewer, code_id: str, form: Form, status: int = 200
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        code = await service.one(tx, code_id)
        names = await _names(tx, [code])
    return render(
        request, viewer, "operate/codes/revoke.html", status=status, form=form, code=code, names=names, states=STATES
    )


HANDLERS: Final = (list_codes, new_codes, make_codes, ask_revoke, revoke_code)
ACCESS: Final = {
    ("GET", LIST): Access.AUDITOR,
    ("GET", _NEW): Access.OPERATOR,
    ("POST", _NEW): Access.OPERATOR,
    ("GET", f"{LIST}/{{code_id}}/revoke"): Access.OPERATOR,
    ("POST", f"{LIST}/{{code_id}}/revoke"): Access.OPERATOR,
}
