"""`/setup`: one plain form for people, `/api/setup` for programs. Both spend the same link.

The form needs no CSRF token beside the link's own: nobody else knows it, and it is spent by its use.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.params import FromQuery, JSONBody

from tollway.errors import Invalid, TollwayError
from tollway.http.callers import Caller
from tollway.http.changes import changed
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx
from tollway.http.pages import PAGE_HEADERS, page
from tollway.http.request import invalid_from
from tollway.users import sessions, setup
from tollway.users.passwords import CHARS_MIN, hash_password
from tollway.users.schemas import SetupWish, UserView

_FORM_FIELDS_MAX: Final = 8


@get("/setup", summary="The set-up form", include_in_schema=False)
async def show_form(ctx: Ctx, token: FromQuery[str] = "") -> Response[str]:
    """The form, or a page that says why there is none."""
    try:
        async with ctx.db.read_tx() as tx:
            await setup.require_open(tx, token)
    except TollwayError as exc:
        return _refusal(exc)
    return _form(token)


@post("/setup", summary="Take the set-up form", include_in_schema=False)
async def take_form(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking) -> Response[Any]:
    """303 to / with a session; the form again, saying what is wrong, when a field was refused."""
    fields: dict[str, str] = {}
    try:
        fields = _fields(await request.body())
        wish = msgspec.convert(fields, SetupWish)
        user = await _create(ctx, caller, wish)
    except msgspec.ValidationError as exc:
        return _form(fields.get("token", ""), fields, invalid_from(exc))
    except TollwayError as exc:
        return _form(fields.get("token", ""), fields, exc) if exc.status == Invalid.status else _refusal(exc)
    async with ctx.db.write_tx() as tx:
        value = await sessions.begin(tx, request, user.id, msgspec.structs.replace(caller, id=user.id))
    response: Response[Any] = Response(None, status_code=303, headers=PAGE_HEADERS | {"location": "/"})
    response.set_cookie(sessions.cookie(request, value))
    return response


@post("/api/setup", summary="Make the first operator by the set-up link's token")
async def set_up(ctx: Ctx, caller: Asking, data: JSONBody[SetupWish]) -> Response[UserView]:
    """201; 404 for a token that is not the link's, 410 once it has been used."""
    return changed(await _create(ctx, caller, data), None, 201)


async def _create(ctx: Context, caller: Caller, wish: SetupWish) -> UserView:
    async with ctx.db.read_tx() as tx:
        await setup.require_open(tx, wish.token)  # before the costly hash: a wrong token buys no work of ours
    password_hash = await hash_password(wish.password)
    async with ctx.db.write_tx() as write:
        return await setup.create_operator(write, caller, wish, password_hash)


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS_MAX)
    except (ValueError, UnicodeDecodeError) as exc:
        raise Invalid("body", "is not a form") from exc
    fields = dict(pairs)
    for name, value in fields.items():
        if "\x00" in value:
            raise Invalid(name, "must not contain NUL")
    return fields


def _form(token: str, fields: dict[str, str] | None = None, error: TollwayError | None = None) -> Response[str]:
    sent = fields or {}
    problem = f"<p><strong>{escape(error.message)}</strong></p>\n" if error else ""
    email, name = escape(sent.get("email", "")), escape(sent.get("name", ""))
    body = (
        f"<p>This makes the first operator of this installation. The link works once.</p>\n{problem}"
        '<form method="post" action="/setup">\n'
        f'<input type="hidden" name="token" value="{escape(token)}">\n'
        '<p><label>E-mail<br><input type="email" name="email" required maxlength="254" autocomplete="username" '
        f'value="{email}"></label></p>\n'
        '<p><label>Name<br><input name="name" required maxlength="100" autocomplete="name" '
        f'value="{name}"></label></p>\n'
        f'<p><label>Password, at least {CHARS_MIN} characters<br><input type="password" name="password" required '
        f'minlength="{CHARS_MIN}" maxlength="1024" autocomplete="new-password"></label></p>\n'
        '<p><button type="submit">Set up</button></p>\n</form>'
    )
    return page("Set up Tollway", body, error.status if error else 200)


def _refusal(error: TollwayError) -> Response[str]:
    return page(error.title, f'<p>{escape(error.message)}</p>\n<p><a href="/">Start page</a></p>', error.status)


router = Router("/", route_handlers=[show_form, take_form, set_up], tags=["setup"])
