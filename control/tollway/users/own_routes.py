"""`/api/me/password`, `/api/me/sessions`: what people do about their own sign-in."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tollway.http.changes import changed, current_generation
from tollway.http.deps import Asking, Ctx
from tollway.http.lists import Page
from tollway.users import own_password, sessions
from tollway.users.attempts import Attempts
from tollway.users.schemas import PasswordChange, SessionView


@post("/api/me/password", summary="Change one's own password", status_code=204)
async def change_password(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    caller: Asking,
    attempts: NamedDependency[Attempts],
    data: JSONBody[PasswordChange],
) -> Response[None]:
    """204 and a new cookie; every other session of the user has ended. 429 after too many wrong tries."""
    value = await own_password.change(ctx, caller, attempts, data, request)
    async with ctx.db.read_tx() as tx:
        response = changed(None, await current_generation(tx), 204)
    response.set_cookie(sessions.cookie(request, value))
    return response


@get("/api/me/sessions", summary="List one's own sessions")
async def list_sessions(ctx: Ctx, caller: Asking) -> Page[SessionView]:
    """The one seen last first; there is no second page, because a user has at most 50."""
    async with ctx.db.read_tx() as tx:
        return Page(await sessions.list_own(tx, caller), None)


@delete("/api/me/sessions", summary="End one's other sessions", status_code=204)
async def end_other_sessions(ctx: Ctx, caller: Asking) -> Response[None]:
    """204; all are gone but the one that asks."""
    async with ctx.db.write_tx() as tx:
        generation = await current_generation(tx)
        await sessions.end_others(tx, caller)
    return changed(None, tx.generation or generation, 204)


@delete("/api/me/sessions/{session_id:str}", summary="End one of one's sessions", status_code=204)
async def end_session(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, session_id: FromPath[str]
) -> Response[None]:
    """204; the session that asks may be named too, which signs out."""
    async with ctx.db.write_tx() as tx:
        generation = await current_generation(tx)
        was_this = await sessions.end_one(tx, caller, session_id)
    response = changed(None, tx.generation or generation, 204)
    if was_this:
        response.set_cookie(sessions.cookie(request, ""))
    return response


router = Router(
    "/",
    route_handlers=[change_password, list_sessions, end_other_sessions, end_session],
    tags=["session"],
)
