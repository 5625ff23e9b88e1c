"""`/api/sign-up` for anybody, `/api/admin/invites` for operators."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tollway.http.changes import changed, current_generation
from tollway.http.deps import Asking, Ctx, Paging
from tollway.http.lists import Page
from tollway.http.request import public_base
from tollway.users import invites, sessions
from tollway.users import sign_up as signing
from tollway.users.attempts import Attempts
from tollway.users.schemas import InviteCreate, InviteView, InviteWithCode, SignUp, UserView

# A code must not stay in any cache on the way.
_SHOWN_ONCE = {"cache-control": "no-store"}


@post("/api/sign-up", summary="Make a user for oneself")
async def sign_up(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    caller: Asking,
    attempts: NamedDependency[Attempts],
    data: JSONBody[SignUp],
) -> Response[UserView]:
    """201 and a session cookie; 403 `sign_up_closed`, 409 for a taken e-mail, 422 for an invite that is not good."""
    done = await signing.sign_up(ctx, caller, attempts, data, request)
    response = changed(done.user, done.generation, 201, _SHOWN_ONCE)
    response.set_cookie(sessions.cookie(request, done.cookie))
    return response


@get("/", summary="List invites")
async def list_invites(ctx: Ctx, page: Paging) -> Page[InviteView]:
    """Newest first, the used ones too."""
    async with ctx.db.read_tx() as tx:
        return await invites.list_page(tx, page)


@post("/", summary="Make an invite")
async def create_invite(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, data: JSONBody[InviteCreate]
) -> Response[InviteWithCode]:
    """201; `code` and `link` are shown here and never again."""
    async with ctx.db.write_tx() as tx:
        view = await invites.create(tx, caller, ctx.vault, data, public_base(request, ctx.settings))
        generation = await current_generation(tx)
    return changed(view, generation, 201, _SHOWN_ONCE)


@delete("/{invite_id:str}", summary="Withdraw an invite", status_code=204)
async def withdraw_invite(ctx: Ctx, caller: Asking, invite_id: FromPath[str]) -> Response[None]:
    """204; 409 for one that was used."""
    async with ctx.db.write_tx() as tx:
        await invites.withdraw(tx, caller, invite_id)
        generation = await current_generation(tx)
    return changed(None, generation, 204)


router = Router("/", route_handlers=[sign_up], tags=["session"])
admin_router = Router(
    "/api/admin/invites", route_handlers=[list_invites, create_invite, withdraw_invite], tags=["users"]
)
