"""`/profile`: what people may change about themselves, their password, and where they are signed in.

Name, language and theme belong to the user; language and theme are kept in this browser as well, where a choice made
before the sign-in would win otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from tollway.errors import Invalid, NotFound, RateLimited, TollwayError
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.http.request import is_https
from tollway.portal.frame.done import notice, went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.render import render, see_other
from tollway.portal.frame.translate import LANGUAGES, N_
from tollway.portal.frame.viewer import LANGUAGE_COOKIE, THEME_COOKIE, Looking, Viewer, preference_cookie
from tollway.portal.profile.agents import browser
from tollway.users import own_password, service, sessions
from tollway.users.attempts import Attempts
from tollway.users.passwords import CHARS_MIN
from tollway.users.schemas import MePatch, PasswordChange

_DONE: Final[Mapping[str, str]] = {
    "saved": N_("Saved."),
    "password": N_("The password is changed. All your other browsers are signed out."),
    "ended": N_("That browser is signed out."),
    "others": N_("All your other browsers are signed out."),
}
_THEMES: Final[Mapping[str, str]] = {
    "system": N_("As the system"),
    "light": N_("Light"),
    "dark": N_("Dark"),
}
_ROLES: Final[Mapping[str, str]] = {
    "owner": N_("Owner"),
    "admin": N_("Administrator"),
    "member": N_("Member"),
    "viewer": N_("Viewer"),
}


@get("/profile")
async def show_profile(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """The page."""
    return await _page(request, ctx, viewer)


@post("/profile")
async def take_profile(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """Name, language and theme; 303 back to the page, which is in the new language then."""
    form = await read_form(request, viewer)
    language, theme = form.value("language"), form.value("theme")
    try:
        if language not in LANGUAGES:
            raise Invalid("language", f"invalid enum value {language!r}")
        wish = to_body({"name": form.value("name").strip(), "language": language, "theme": theme}, MePatch)
        async with ctx.db.write_tx() as tx:
            await service.change_me(tx, caller, wish)
    except TollwayError as exc:
        return await _page(request, ctx, viewer, form=form.refuse(exc, viewer.words), status=exc.status)
    # This browser's own choice would win over the user's, so it follows.
    https = is_https(request)
    viewer.cookies.append(preference_cookie(LANGUAGE_COOKIE, language, https=https))
    viewer.cookies.append(preference_cookie(THEME_COOKIE, theme, https=https))
    return went_well(viewer, "/profile", "saved")


@post("/profile/password")
async def take_password(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, attempts: NamedDependency[Attempts]
) -> Response[bytes]:
    """303 back with a new session; every other one has ended. Nothing that was typed is shown again."""
    typed = await read_form(request, viewer)
    try:
        wish = to_body({"current": typed.value("current"), "new": typed.value("new")}, PasswordChange)
        value = await own_password.change(ctx, caller, attempts, wish, request)
    except RateLimited as exc:
        form = Form({}, {}, in_words(exc.message, exc.own_code, viewer.words))
        headers = {"retry-after": str(exc.retry_after_s)}
        return await _page(request, ctx, viewer, password=form, status=exc.status, headers=headers)
    except TollwayError as exc:
        return await _page(request, ctx, viewer, password=Form().refuse(exc, viewer.words), status=exc.status)
    viewer.cookies.append(sessions.cookie(request, value))
    return went_well(viewer, "/profile", "password")


@post("/profile/sessions")
async def take_sessions(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """Ends the session named in the form, or without a name all but this one. 303 back."""
    form = await read_form(request, viewer)
    handle = form.text("session")
    async with ctx.db.write_tx() as tx:
        was_this = False
        if handle is None:
            await sessions.end_others(tx, caller)
        else:
            # One that has ended meanwhile is what was wanted.
            with suppress(NotFound):
                was_this = await sessions.end_one(tx, caller, handle)
    if was_this:
        viewer.cookies.append(sessions.cookie(request, ""))
        return see_other(viewer, "/docs")
    return went_well(viewer, "/profile", "others" if handle is None else "ended", tx.generation)


async def _page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    *,
    form: Form | None = None,
    password: Form | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        own = await sessions.list_own(tx, viewer.caller)
    return render(
        request,
        viewer,
        "profile/page.html",
        status=status,
        headers=headers,
        notice=notice(viewer, _DONE),
        form=form or Form(),
        password=password or Form(),
        themes=[(name, viewer.words.gettext(label)) for name, label in _THEMES.items()],
        roles=_ROLES,
        sessions=[(session, browser(session.agent, viewer.words)) for session in own],
        chars_min=CHARS_MIN,
    )


HANDLERS: Final = (show_profile, take_profile, take_password, take_sessions)
ACCESS: Final = {
    ("GET", "/profile"): Access.PERSON,
    ("POST", "/profile"): Access.PERSON,
    ("POST", "/profile/password"): Access.PERSON,
    ("POST", "/profile/sessions"): Access.PERSON,
}
