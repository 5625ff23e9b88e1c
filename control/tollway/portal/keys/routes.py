"""`/keys`, `/keys/new`, `/keys/{key_id}` and what is done to one key.

Rotating and revoking ask first: in a dialog where scripts run, on a page of its own where they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.db.engine import ReadTx
from tollway.errors import Invalid, StaleVersion, TollwayError
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Ctx, Paging
from tollway.keys import service
from tollway.keys.schemas import KeyCreate, KeyPatch, KeyView
from tollway.portal.frame.done import notice, went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.keys.form import ENDPOINTS, Choices, choices, moment, refused, typed_models, values_of
from tollway.portal.keys.shown_once import first_call, show_secret
from tollway.users import service as users

_DONE: Final[Mapping[str, str]] = {
    "saved": N_("Saved. The gateways know it already."),
    "enabled": N_("The key works again."),
    "disabled": N_("The key is disabled. Calls with it are refused until you enable it again."),
    "revoked": N_("The key is revoked. Calls with it are refused from now on."),
}

_CHANGED: Final = N_("This key was changed after you opened this page. Look whether you still want this, then do it.")


@get("/keys")
async def list_keys(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """The account's keys, newest first; without any, what a key is for."""
    account_id = viewer.caller.account
    async with ctx.db.read_tx() as tx:
        keys = await service.list_page(tx, page, account_id)
        offers = await choices(tx, account_id)
    empty = not (keys.data or page.q or page.cursor)
    return render(
        request,
        viewer,
        "keys/list.html",
        notice=notice(viewer, _DONE),
        keys=keys,
        q=page.q or "",
        empty=empty,
        call=first_call(viewer, offers) if empty else "",
    )


@get("/keys/new")
async def show_new_key(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """The form."""
    async with ctx.db.read_tx() as tx:
        offers = await choices(tx, viewer.caller.account)
    return _new_form(request, viewer, Form(), offers)


@post("/keys/new")
async def take_new_key(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """201 with the secret, this once; the form again when something in it was refused."""
    form = await read_form(request, viewer)
    account_id = viewer.caller.account
    async with ctx.db.read_tx() as tx:
        offers = await choices(tx, account_id)
    try:
        wish = to_body(values_of(form, groups=len(offers.groups) > 1), KeyCreate)
        async with ctx.db.write_tx() as write:
            key = await service.create(write, viewer.caller, ctx.vault.key_pepper, account_id, wish)
    except TollwayError as exc:
        return _new_form(request, viewer, refused(form, exc, viewer.words), offers, exc.status)
    return show_secret(request, viewer, key, offers, write.generation, status=201)


def _new_form(
    request: Request[Any, Any, Any], viewer: Viewer, form: Form, offers: Choices, status: int = 200
) -> Response[bytes]:
    return render(request, viewer, "keys/new.html", status=status, form=form, offers=offers, ENDPOINTS=ENDPOINTS)


@get("/keys/{key_id:str}")
async def show_key(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """One key: what it may do, and what may be done to it."""
    return await _key_page(request, ctx, viewer, key_id, Form())


@post("/keys/{key_id:str}")
async def take_key(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """303 to the key when the change was made."""
    form = await read_form(request, viewer)
    account_id = viewer.caller.account
    async with ctx.db.read_tx() as tx:
        former = await service.view_of(tx, await service.require(tx, key_id, account_id))
        offers = await choices(tx, account_id)
    try:
        wish = to_body(values_of(form, groups=len(offers.groups) > 1, former=former), KeyPatch)
        generation = await _change(ctx, viewer, key_id, wish, _version(form))
    except TollwayError as exc:
        return await _key_page(request, ctx, viewer, key_id, refused(form, exc, viewer.words), exc.status)
    return went_well(viewer, f"/keys/{key_id}", "saved", generation)


@post("/keys/{key_id:str}/switch")
async def take_switch(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """Disable or enable, whatever the key's state is now: the button says which."""
    form = await read_form(request, viewer)
    enabled = form.value("enabled") == "true"
    generation = await _change(ctx, viewer, key_id, KeyPatch(enabled=enabled), None)
    return went_well(viewer, f"/keys/{key_id}", "enabled" if enabled else "disabled", generation)


@get("/keys/{key_id:str}/rotate")
async def show_rotate(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """Asks before the old secret is refused."""
    return await _confirmation(request, ctx, viewer, key_id, "rotate", Form())


@post("/keys/{key_id:str}/rotate")
async def take_rotate(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """The new secret, this once. The form's version keeps a reload from making yet another one."""
    form = await read_form(request, viewer)
    account_id = viewer.caller.account
    try:
        version = _version(form)
        async with ctx.db.write_tx() as tx:
            key = await service.rotate(tx, viewer.caller, ctx.vault.key_pepper, key_id, version, account_id)
            offers = await choices(tx, account_id)
    except (StaleVersion, Invalid) as exc:
        return await _confirmation(request, ctx, viewer, key_id, "rotate", _asked_again(form, exc, viewer), exc.status)
    return show_secret(request, viewer, key, offers, tx.generation, status=200)


@get("/keys/{key_id:str}/revoke")
async def show_revoke(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """Asks for the key's name: what calls with it stops working."""
    return await _confirmation(request, ctx, viewer, key_id, "revoke", Form())


@post("/keys/{key_id:str}/revoke")
async def take_revoke(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, key_id: FromPath[str]
) -> Response[bytes]:
    """303 to the list when the key is gone."""
    form = await read_form(request, viewer)
    try:
        async with ctx.db.write_tx() as tx:
            row = await service.require(tx, key_id, viewer.caller.account)
            if form.value("confirm").strip() != row.name.strip():
                raise Invalid("confirm", f"type {row.name} to confirm")
            await service.delete(tx, viewer.caller, key_id, _version(form), viewer.caller.account)
    except (StaleVersion, Invalid) as exc:
        return await _confirmation(request, ctx, viewer, key_id, "revoke", _asked_again(form, exc, viewer), exc.status)
    return went_well(viewer, "/keys", "revoked", tx.generation)


async def _change(ctx: Context, viewer: Viewer, key_id: str, wish: KeyPatch, expected: int | None) -> int | None:
    async with ctx.db.write_tx() as tx:
        await service.change(tx, viewer.caller, key_id, wish, expected, viewer.caller.account)
    return tx.generation


def _version(form: Form) -> int:
    version = form.whole("version")
    if version is None:
        raise Invalid("version", "is required")
    return version


def _asked_again(form: Form, error: TollwayError, viewer: Viewer) -> Form:
    if isinstance(error, StaleVersion):
        return Form(form.values, {}, viewer.words.gettext(_CHANGED))
    return form.refuse(error, viewer.words)


async def _key_page(
    request: Request[Any, Any, Any], ctx: Context, viewer: Viewer, key_id: str, form: Form, status: int = 200
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        key = await service.view_of(tx, await service.require(tx, key_id, viewer.caller.account))
        offers = await choices(tx, viewer.caller.account)
        made_by = await _maker(tx, viewer, key)
    return render(
        request,
        viewer,
        "keys/key.html",
        status=status,
        notice=notice(viewer, _DONE),
        form=form,
        blank=Form(),
        key=key,
        offers=offers,
        ENDPOINTS=ENDPOINTS,
        typed_models=typed_models(key, offers),
        expires=moment(key.expires_at),
        may_change=service.may_change(viewer.caller, key.created_by),
        made_by=made_by,
    )


async def _maker(tx: ReadTx, viewer: Viewer, key: KeyView) -> str | None:
    """Who made the key, when it was somebody else of the account's people."""
    if key.created_by is None or key.created_by == viewer.caller.user_id:
        return None
    return (await users.emails(tx, [key.created_by])).get(key.created_by)


async def _confirmation(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    key_id: str,
    what: str,
    form: Form,
    status: int = 200,
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        row = await service.require_mine(tx, viewer.caller, key_id, viewer.caller.account)
        key = KeyView.of(row, tx.now)
    return render(request, viewer, f"keys/{what}.html", status=status, key=key, form=form)


HANDLERS: Final = (
    list_keys,
    show_new_key,
    take_new_key,
    show_key,
    take_key,
    take_switch,
    show_rotate,
    take_rotate,
    show_revoke,
    take_revoke,
)
ACCESS: Final = {
    ("GET", "/keys"): Access.VIEWER,
    ("GET", "/keys/new"): Access.MEMBER,
    ("POST", "/keys/new"): Access.MEMBER,
    ("GET", "/keys/{key_id}"): Access.VIEWER,
    ("POST", "/keys/{key_id}"): Access.MEMBER,
    ("POST", "/keys/{key_id}/switch"): Access.MEMBER,
    ("GET", "/keys/{key_id}/rotate"): Access.MEMBER,
    ("POST", "/keys/{key_id}/rotate"): Access.MEMBER,
    ("GET", "/keys/{key_id}/revoke"): Access.MEMBER,
    ("POST", "/keys/{key_id}/revoke"): Access.MEMBER,
}
