"""`/api/session`, `/api/me`, `/api/admin/users`. One's password and sessions are in own_routes.py."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tollway.http.changes import changed, current_generation
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import Page
from tollway.users import changing, service, sessions
from tollway.users.attempts import Attempts
from tollway.users.passwords import hash_password
from tollway.users.schemas import Me, MePatch, SignIn, UserCreate, UserPatch, UserView


@post("/api/session", summary="Sign in", status_code=204)
async def sign_in(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    caller: Asking,
    attempts: NamedDependency[Attempts],
    data: JSONBody[SignIn],
) -> Response[None]:
    """204 and a cookie; 401 when e-mail or password is wrong, 429 after too many wrong tries."""
    user_key = service.folded(data.email)
    attempts.take(user_key, caller.address)
    async with ctx.db.read_tx() as tx:
        found = await service.find_for_sign_in(tx, data)
    user = await service.check_password(found, data)
    caller = msgspec.structs.replace(caller, id=user.id)
    async with ctx.db.write_tx() as write:
        await service.require_unchanged(write, user)
        generation = await current_generation(write)
        value = await sessions.begin(write, request, user.id, caller)
    attempts.forgive(user_key, caller.address)
    response = changed(None, write.generation or generation, 204)
    response.set_cookie(sessions.cookie(request, value))
    return response


@delete("/api/session", summary="Sign out", status_code=204)
async def sign_out(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking) -> Response[None]:
    """204; the cookie is worthless from then on."""
    async with ctx.db.write_tx() as tx:
        generation = await current_generation(tx)
        await sessions.end(tx, caller)
    response = changed(None, tx.generation or generation, 204)
    response.set_cookie(sessions.cookie(request, ""))
    return response


@get("/api/me", summary="Who is signed in")
async def get_me(ctx: Ctx, caller: Asking) -> Me:
    """The user, the accounts, and the account that is meant when none is named."""
    async with ctx.db.read_tx() as tx:
        return await service.me(tx, caller)


@patch("/api/me", summary="Change one's own name, language or theme")
async def change_me(ctx: Ctx, caller: Asking, data: JSONBody[MePatch]) -> Response[Me]:
    """Changes the fields that are sent."""
    async with ctx.db.write_tx() as tx:
        view = await service.change_me(tx, caller, data)
        generation = await current_generation(tx)
    return changed(view, generation)


@get("/", summary="List users")
async def list_users(ctx: Ctx, page: Paging) -> Page[UserView]:
    """Newest first."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page)


@post("/", summary="Make a user")
async def create_user(ctx: Ctx, caller: Asking, data: JSONBody[UserCreate]) -> Response[UserView]:
    """201 with the user; `account_id` is the personal account that came with it."""
    password_hash = await hash_password(data.password) if data.password is not None else None
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, data, password_hash)
    return changed(view, tx.generation, 201)


@get("/{user_id:str}", summary="Read a user")
async def get_user(ctx: Ctx, user_id: FromPath[str]) -> UserView:
    """The user."""
    async with ctx.db.read_tx() as tx:
        row = await service.require(tx, user_id)
        return UserView.of(row, (await service.personal_accounts(tx, [user_id])).get(user_id))


@patch("/{user_id:str}", summary="Change a user")
async def change_user(
    ctx: Ctx, caller: Asking, user_id: FromPath[str], data: JSONBody[UserPatch], expected: Expected
) -> Response[UserView]:
    """Changes the fields that are sent; `enabled: false` ends the user's sessions. 409 for the last operator."""
    async with ctx.db.write_tx() as tx:
        view = await changing.change(tx, caller, user_id, data, expected)
        generation = await current_generation(tx)
    return changed(view, tx.generation or generation)


router = Router("/", route_handlers=[sign_in, sign_out, get_me, change_me], tags=["session"])
admin_router = Router(
    "/api/admin/users", route_handlers=[list_users, create_user, get_user, change_user], tags=["users"]
)
