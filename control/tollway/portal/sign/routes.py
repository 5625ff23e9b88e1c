"""`/sign-in`, `/sign-out`, `/preferences`; the set-up link and signing up have files of their own."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from tollway.errors import RateLimited, TollwayError, Unauthorized
from tollway.http.access import Access
from tollway.http.changes import GENERATION_HEADER
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.http.request import is_https
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.render import render, see_other
from tollway.portal.frame.translate import LANGUAGES
from tollway.portal.frame.viewer import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Looking,
    Viewer,
    account_cookie,
    preference_cookie,
)
from tollway.portal.sign import setup, sign_up
from tollway.users import service, sessions
from tollway.users.attempts import Attempts
from tollway.users.schemas import SignIn

HOME: Final = "/docs"


def own_path(wanted: str) -> str:
    """Where to go back to: a path of this host, never another one (`//host`, `/\\host`)."""
    plain = wanted.isprintable() and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if plain else HOME


@get("/sign-in")
async def show_sign_in(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """The form; who is signed in already goes on."""
    wanted = own_path(request.query_params.get("next", HOME))
    if viewer.user is not None:
        return see_other(viewer, wanted)
    return await _form(request, ctx, viewer, Form(), wanted)


@post("/sign-in")
async def take_sign_in(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, attempts: NamedDependency[Attempts]
) -> Response[bytes]:
    """303 to where he wanted to go, with a session."""
    form = await read_form(request, viewer)
    wanted = own_path(form.value("next", HOME))
    try:
        wish = to_body({"email": form.value("email").strip(), "password": form.value("password")}, SignIn)
        user_key = service.folded(wish.email)
        attempts.take(user_key, caller.address)
        async with ctx.db.read_tx() as tx:
            found = await service.find_for_sign_in(tx, wish)
        user = await service.check_password(found, wish)
        async with ctx.db.write_tx() as write:
            await service.require_unchanged(write, user)
            value = await sessions.begin(write, request, user.id, msgspec.structs.replace(caller, id=user.id))
    except (Unauthorized, RateLimited) as exc:
        form = Form(form.values, {}, in_words(exc.message, exc.own_code, viewer.words))
        # Not 401: that status asks a client for HTTP authentication, and this is a form that was not accepted.
        status = 422 if isinstance(exc, Unauthorized) else exc.status
        headers = {"retry-after": str(exc.retry_after_s)} if exc.retry_after_s is not None else None
        return await _form(request, ctx, viewer, form, wanted, status, headers)
    except TollwayError as exc:
        return await _form(request, ctx, viewer, form.refuse(exc, viewer.words), wanted, exc.status)
    attempts.forgive(user_key, caller.address)
    viewer.cookies.append(sessions.cookie(request, value))
    return see_other(viewer, wanted)


async def _form(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    form: Form,
    wanted: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    may_sign_up = await sign_up.mode_of(ctx) != "closed"
    return render(
        request,
        viewer,
        "sign/sign_in.html",
        status=status,
        headers=headers,
        form=form,
        next=wanted,
        may_sign_up=may_sign_up,
    )


@post("/sign-out")
async def take_sign_out(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """The session is gone; 303 to the front door."""
    await read_form(request, viewer)
    async with ctx.db.write_tx() as tx:
        await sessions.end(tx, caller)
    viewer.cookies.append(sessions.cookie(request, ""))
    response = see_other(viewer, HOME)
    if tx.generation is not None:  # the keys that this session's pages called with are gone
        response.headers[GENERATION_HEADER] = str(tx.generation)
    return response


@post("/preferences")
async def take_preferences(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """Theme, language or account of this browser; 303 back to the page. An unknown value changes nothing."""
    form = await read_form(request, viewer)
    https = is_https(request)
    if form.value("theme") in THEMES:
        viewer.cookies.append(preference_cookie(THEME_COOKIE, form.value("theme"), https=https))
    if form.value("language") in LANGUAGES:
        viewer.cookies.append(preference_cookie(LANGUAGE_COOKIE, form.value("language"), https=https))
    if any(account.id == form.value("account_id") for account in viewer.accounts):
        viewer.cookies.append(account_cookie(form.value("account_id"), https=https))
    return see_other(viewer, own_path(form.value("back", HOME)))


HANDLERS: Final = (show_sign_in, take_sign_in, take_sign_out, take_preferences, *setup.HANDLERS, *sign_up.HANDLERS)
ACCESS: Final = {
    **setup.ACCESS,
    **sign_up.ACCESS,
    ("GET", "/sign-in"): Access.VISITOR,
    ("POST", "/sign-in"): Access.VISITOR,
    ("POST", "/sign-out"): Access.PERSON,
    ("POST", "/preferences"): Access.VISITOR,
}
