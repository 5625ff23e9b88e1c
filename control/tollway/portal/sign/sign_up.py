"""`/sign-up`: making a user for oneself, as far as the operator lets people: open, by invite, or closed.

An invite comes with the link (`?invite=`). A link that is not good any more says so before anything is typed.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tollway.errors import AlreadyExists, Invalid, RateLimited, TollwayError
from tollway.http.access import Access
from tollway.http.changes import GENERATION_HEADER
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.render import render, see_other
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.preferences import service as preferences
from tollway.preferences.schemas import SignUpMode
from tollway.users import invites, sessions
from tollway.users import sign_up as signing
from tollway.users.attempts import Attempts
from tollway.users.passwords import CHARS_MIN
from tollway.users.schemas import SignUp

# What a new user does first: make a key. The page says what that is.
FIRST_PLACE: Final = "/keys"


async def mode_of(ctx: Context) -> SignUpMode:
    """Who may sign up now."""
    async with ctx.db.read_tx() as tx:
        return (await preferences.read(tx)).sign_up


@get("/sign-up")
async def show_sign_up(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, invite: FromQuery[str] = ""
) -> Response[bytes]:
    """The form, or a page that says that there is none."""
    if viewer.user is not None:
        return see_other(viewer, FIRST_PLACE)
    mode = await mode_of(ctx)
    form = Form({"invite": [invite]} if invite else {})
    if mode == "invite" and invite:
        try:
            async with ctx.db.read_tx() as tx:
                await invites.require_good(tx, ctx.vault, invite)
        except Invalid as exc:
            form = form.refuse(exc, viewer.words)
    return _page(request, viewer, mode, form)


@post("/sign-up")
async def take_sign_up(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, attempts: NamedDependency[Attempts]
) -> Response[bytes]:
    """303 into the portal, signed in; the form again when something in it was refused."""
    form = await read_form(request, viewer)
    typed = {name: form.value(name).strip() for name in ("email", "name")}
    typed |= {"password": form.value("password"), "language": viewer.language}
    try:
        wish = to_body(typed | {"invite": form.text("invite")}, SignUp)
        done = await signing.sign_up(ctx, caller, attempts, wish, request)
    except signing.SignUpClosed:
        return _page(request, viewer, "closed", form, 403)
    except TollwayError as exc:
        headers = {"retry-after": str(exc.retry_after_s)} if exc.retry_after_s is not None else None
        return _page(request, viewer, await mode_of(ctx), _refused(form, exc, viewer), exc.status, headers)
    viewer.cookies.append(sessions.cookie(request, done.cookie))
    response = see_other(viewer, FIRST_PLACE)
    if done.generation is not None:
        response.headers[GENERATION_HEADER] = str(done.generation)
    return response


def _refused(form: Form, error: TollwayError, viewer: Viewer) -> Form:
    if isinstance(error, AlreadyExists):
        return Form(form.values, {"email": in_words(error.message, error.own_code, viewer.words)})
    if isinstance(error, RateLimited):
        return Form(form.values, {}, in_words(error.message, error.own_code, viewer.words))
    return form.refuse(error, viewer.words)


def _page(
    request: Request[Any, Any, Any],
    viewer: Viewer,
    mode: SignUpMode,
    form: Form,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    if mode == "closed":
        return render(request, viewer, "sign/sign_up_closed.html", status=status)
    return render(
        request,
        viewer,
        "sign/sign_up.html",
        status=status,
        headers=headers,
        form=form,
        by_invite=mode == "invite",
        chars_min=CHARS_MIN,
    )


HANDLERS: Final = (show_sign_up, take_sign_up)
ACCESS: Final = {("GET", "/sign-up"): Access.VISITOR, ("POST", "/sign-up"): Access.VISITOR}
