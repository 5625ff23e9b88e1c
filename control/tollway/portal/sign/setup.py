"""`/setup`: the set-up link that the first start prints. It makes the first operator and signs this browser in.

A link that is used or was never ours is answered by a page that says what to do instead.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery

from tollway.errors import NotFound, TollwayError
from tollway.http.access import Access
from tollway.http.deps import Asking, Ctx
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render, see_other
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.users import sessions, setup
from tollway.users.passwords import CHARS_MIN
from tollway.users.schemas import SetupWish

# What an operator does first: say where models come from.
FIRST_PLACE: Final = "/operate/upstreams"


@get("/setup")
async def show_setup(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, token: FromQuery[str] = ""
) -> Response[bytes]:
    """The form, or a page that says why there is none."""
    try:
        async with ctx.db.read_tx() as tx:
            await setup.require_open(tx, token)
    except (NotFound, setup.SetupDone) as exc:
        return _closed(request, viewer, exc)
    return _form(request, viewer, Form({"token": [token]}))


@post("/setup")
async def take_setup(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """303 into the portal with a session; the form again when a field was refused."""
    form = await read_form(request, viewer)
    typed = {"token": form.value("token"), "email": form.value("email").strip(), "name": form.value("name").strip()}
    try:
        wish = to_body(typed | {"password": form.value("password"), "language": viewer.language}, SetupWish)
        user = await setup.set_up(ctx.db, caller, wish)
    except (NotFound, setup.SetupDone) as exc:
        return _closed(request, viewer, exc)
    except TollwayError as exc:
        if any(item.field == "token" for item in exc.errors):
            return _closed(request, viewer, NotFound("this set-up link is not valid"))
        return _form(request, viewer, form.refuse(exc, viewer.words), exc.status)
    async with ctx.db.write_tx() as write:
        value = await sessions.begin(write, request, user.id, msgspec.structs.replace(caller, id=user.id))
    viewer.cookies.append(sessions.cookie(request, value))
    return see_other(viewer, FIRST_PLACE)


def _form(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(request, viewer, "sign/setup.html", status=status, form=form, chars_min=CHARS_MIN)


def _closed(request: Request[Any, Any, Any], viewer: Viewer, error: TollwayError) -> Response[bytes]:
    used = isinstance(error, setup.SetupDone)
    return render(request, viewer, "sign/setup_closed.html", status=error.status, used=used)


HANDLERS: Final = (show_setup, take_setup)
ACCESS: Final = {("GET", "/setup"): Access.VISITOR, ("POST", "/setup"): Access.VISITOR}
