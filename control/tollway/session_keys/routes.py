"""`/api/session/key`."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.di import NamedDependency

from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx
from tollway.session_keys import service
from tollway.session_keys.brake import Mints
from tollway.session_keys.schemas import SessionKey

# The secret must not stay in any cache on the way.
_SHOWN_ONCE = {"cache-control": "no-store"}


@post("/api/session/key", summary="Mint a short-lived key for this session's pages")
async def mint_key(ctx: Ctx, caller: Asking, mints: NamedDependency[Mints]) -> Response[SessionKey]:
    """201; the secret minted before is refused from then on. `?account_id=` names another account of the caller's.

    429 beyond what pages could need: each mint is a change that all gateways take.
    """
    mints.count(caller)
    async with ctx.db.write_tx() as tx:
        view = await service.mint(tx, caller, ctx.vault.key_pepper)
    return changed(view, tx.generation, 201, _SHOWN_ONCE)


router = Router("/", route_handlers=[mint_key], tags=["session"])
