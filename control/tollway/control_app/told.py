"""A change is answered once the gateways have it: who makes a key can call with it, who adds credit can spend it.

Bounded: a gateway that is away delays the answer by `WAIT_MS` and no more; it gets the change when it is back.
"""

from __future__ import annotations

from typing import Final

from litestar.types import Message, Scope

from tollway.http.changes import GENERATION_HEADER
from tollway.nodes.routes import NodeDesk

WAIT_MS: Final = 250


async def wait_until_told(message: Message, scope: Scope) -> None:
    """Hook before the first bytes of every answer; acts on those that name the generation of a change."""
    if message["type"] != "http.response.start" or message["status"] >= 400:
        return
    said = dict(message["headers"]).get(GENERATION_HEADER.encode())
    desk: NodeDesk | None = scope["litestar_app"].state.get("node_desk")
    if said is not None and desk is not None:
        await desk.publisher.reached(int(said), WAIT_MS)
