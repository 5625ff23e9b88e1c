"""`/api/setup`: the set-up link, spent by a program. People open the link and get the portal's page."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.params import JSONBody

from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx
from tollway.users import setup
from tollway.users.schemas import SetupWish, UserView


@post("/api/setup", summary="Make the first operator by the set-up link's token")
async def take_set_up(ctx: Ctx, caller: Asking, data: JSONBody[SetupWish]) -> Response[UserView]:
    """201; 404 for a token that is not the link's, 410 once it has been used."""
    return changed(await setup.set_up(ctx.db, caller, data), None, 201)


router = Router("/", route_handlers=[take_set_up], tags=["setup"])
