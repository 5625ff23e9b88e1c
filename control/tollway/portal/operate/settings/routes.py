"""`/operate/settings`: who may sign up, and the invites for it; the code of an invite is shown once, when it is made.

The invites stand on this page because they matter only by the setting above them.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.db.engine import ReadTx
from tollway.errors import Conflict, Invalid, TollwayError
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.http.lists import LIMIT_DEFAULT, ListQuery
from tollway.portal.frame.done import notice, went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.keys.form import expiry
from tollway.portal.operate.common import one_of, refused
from tollway.portal.operate.once import fresh_id, make_once, used_up
from tollway.preferences import service as preferences
from tollway.preferences.schemas import PreferencesPatch
from tollway.users import invites
from tollway.users import service as users
from tollway.users.schemas import InviteCreate, InviteView

PAGE: Final = "/operate/settings"
_NEW: Final = f"{PAGE}/invites/new"
# Mode → its name and what it means.
MODES: Final = {
    "closed": (N_("Closed"), N_("Nobody. Operators make all users.")),
    "invite": (N_("By invite"), N_("Who holds an invite that was not used yet.")),
    "open": (N_("Open"), N_("Anybody who reaches this gateway.")),
}
_DONE: Final = {
    "saved": N_("Saved."),
    "withdrawn": N_("The invite is withdrawn. It lets nobody in any more."),
    "made-before": N_("This form was sent before. Its invite was made then; the link cannot be shown again."),
}
_USED_MEANWHILE: Final = N_("This invite was used meanwhile. It cannot be withdrawn; disable the user instead.")
_SETTINGS: Final = one_of(("sign_up",))
_INVITE: Final = one_of(("note", "expires_at"))


@get(PAGE)
async def show_settings(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """The settings as they are."""
    return await _page(request, ctx, viewer, Form())


@post(PAGE)
async def change_settings(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking
) -> Response[bytes]:
    """303 when saved."""
    form = await read_form(request, viewer)
    try:
        wish = to_body({"sign_up": form.value("sign_up")}, PreferencesPatch)
        async with ctx.db.write_tx() as tx:
            await preferences.change(tx, caller, wish)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=_SETTINGS)
        return await _page(request, ctx, viewer, form, exc.status)
    return went_well(viewer, PAGE, "saved", tx.generation)


@get(_NEW)
async def new_invite(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """The form."""
    return _new_page(request, viewer, Form())


@post(_NEW)
async def make_invite(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """201 with the link, this once; 303 to the settings when this form made it before."""
    form = await read_form(request, viewer)
    try:
        wish = to_body({"note": form.value("note").strip(), "expires_at": expiry(form)}, InviteCreate)
        made = await make_once(
            ctx, caller, _NEW, form, wish, lambda tx: invites.create(tx, caller, ctx.vault, wish, viewer.origin)
        )
    except TollwayError as exc:
        form = used_up(form, exc, viewer.words) or refused(form, exc, viewer.words, shows=_INVITE)
        return _new_page(request, viewer, form, exc.status)
    if made is None:
        return went_well(viewer, PAGE, "made-before")
    async with ctx.db.read_tx() as tx:
        mode = (await preferences.read(tx)).sign_up
    return render(request, viewer, "operate/settings/invite_made.html", status=201, invite=made, mode=mode)


@get(f"{PAGE}/invites/{{invite_id:str}}/withdraw")
async def ask_withdraw(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, invite_id: FromPath[str]
) -> Response[bytes]:
    """Asks first."""
    return await _withdraw_page(request, ctx, viewer, invite_id, Form())


@post(f"{PAGE}/invites/{{invite_id:str}}/withdraw")
async def withdraw_invite(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, invite_id: FromPath[str]
) -> Response[bytes]:
    """303 to the settings."""
    form = await read_form(request, viewer)
    if form.value("do") != "withdraw":
        raise Invalid("do", "is not an action of this page")
    try:
        async with ctx.db.write_tx() as tx:
            await invites.withdraw(tx, caller, invite_id)
    except Conflict as exc:
        form = Form(form.values, {}, viewer.words.gettext(_USED_MEANWHILE))
        return await _withdraw_page(request, ctx, viewer, invite_id, form, exc.status)
    return went_well(viewer, PAGE, "withdrawn")


async def _page(
    request: Request[Any, Any, Any], ctx: Context, viewer: Viewer, form: Form, status: int = 200
) -> Response[bytes]:
    query = request.query_params
    wanted = ListQuery(LIMIT_DEFAULT, query.get("cursor"), (query.get("q") or "")[:200] or None)
    async with ctx.db.read_tx() as tx:
        now = await preferences.read(tx)
        found = await invites.list_page(tx, wanted)
        names = await _names(tx, found.data)
    return render(
        request,
        viewer,
        "operate/settings/page.html",
        status=status,
        form=form,
        preferences=now,
        modes=MODES,
        invites=found,
        names=names,
        q=wanted.q or "",
        notice=notice(viewer, _DONE),
    )


async def _names(tx: ReadTx, found: list[InviteView]) -> dict[str, str]:
    """The e-mail of everybody who made or used these invites."""
    people = {person for invite in found for person in (invite.created_by, invite.used_by)}
    return await users.emails(tx, [person for person in people if person is not None])


def _new_page(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(request, viewer, "operate/settings/invite_new.html", status=status, form=form, form_id=fresh_id())


async def _withdraw_page(
    request: Request[Any, Any, Any], ctx: Context, viewer: Viewer, invite_id: str, form: Form, status: int = 200
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        invite = await invites.one(tx, invite_id)
        names = await _names(tx, [invite])
    return render(
        request, viewer, "operate/settings/withdraw.html", status=status, form=form, invite=invite, names=names
    )


HANDLERS: Final = (show_settings, change_settings, new_invite, make_invite, ask_withdraw, withdraw_invite)
ACCESS: Final = {
    ("GET", PAGE): Access.AUDITOR,
    ("POST", PAGE): Access.OPERATOR,
    ("GET", _NEW): Access.OPERATOR,
    ("POST", _NEW): Access.OPERATOR,
    ("GET", f"{PAGE}/invites/{{invite_id}}/withdraw"): Access.OPERATOR,
    ("POST", f"{PAGE}/invites/{{invite_id}}/withdraw"): Access.OPERATOR,
}
