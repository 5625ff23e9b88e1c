"""`GET /api/status/history`, public. `GET /api/status`, the live state, is the node's own."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tollway.http.deps import Ctx
from tollway.status.history import CACHE_S, Histories, History, Window

Wanted = Annotated[Window, QueryParameter(name="window", description="24 hours by hour, or 30 days by day")]


@get("/history", summary="How gateway and models were")
async def get_history(ctx: Ctx, histories: NamedDependency[Histories], wanted: Wanted = "24h") -> Response[History]:
    """Points in the order of time; `unknown` where nobody looked or nobody called. 24 hours are at most half a minute
    old, 30 days five minutes.
    """
    headers = {"cache-control": f"public, max-age={int(CACHE_S[wanted])}"}
    return Response(await histories.get(ctx.db, wanted), headers=headers)


router = Router("/api/status", route_handlers=[get_history], tags=["status"])
