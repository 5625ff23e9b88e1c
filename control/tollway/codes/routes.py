"""`/api/admin/redemption-codes` for operators, `/api/wallet/redeem` for members."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from tollway.codes import service
from tollway.codes.guesses import Guesses
from tollway.codes.schemas import CodesView, CodesWish, CodeView, RedeemedView, RedeemWish, State
from tollway.http.changes import changed, current_generation
from tollway.http.deps import Asking, Ctx, Paging
from tollway.http.lists import Page

# `state` is what Litestar calls something of its own.
InState = Annotated[State | None, QueryParameter(name="state", description="what became of them")]


@get("/", summary="List redemption codes")
async def list_codes(ctx: Ctx, page: Paging, ended: InState = None) -> Page[CodeView]:
    """Newest first. Filter: `state`; `q` in hint, note and account."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page, ended)


@post("/", summary="Make redemption codes")
async def create_codes(ctx: Ctx, caller: Asking, data: JSONBody[CodesWish]) -> Response[CodesView]:
    """201 with the codes, which are shown this once."""
    async with ctx.db.write_tx() as tx:
        generation = await current_generation(tx)
        view = await service.make(tx, ctx.vault, caller, data)
    return changed(view, generation, 201, {"cache-control": "no-store"})


@delete("/{code_id:str}", summary="Revoke a redemption code", status_code=204)
async def revoke_code(ctx: Ctx, caller: Asking, code_id: FromPath[str]) -> Response[None]:
    """204; 409 `code_used` when it was redeemed before."""
    async with ctx.db.write_tx() as tx:
        generation = await current_generation(tx)
        await service.revoke(tx, caller, code_id)
    return changed(None, generation, 204)


@post("/api/wallet/redeem", summary="Redeem a code", status_code=200)
async def redeem_code(
    ctx: Ctx, caller: Asking, guesses: NamedDependency[Guesses], data: JSONBody[RedeemWish]
) -> Response[RedeemedView]:
    """200 with what came in; 404 for an unknown code, 409 `code_used`, 429 after ten unknown codes in 15 minutes."""
    view = await service.redeem(ctx.db, ctx.vault, guesses, caller, data.code)
    async with ctx.db.read_tx() as tx:
        return changed(view, await current_generation(tx))


admin_router = Router(
    "/api/admin/redemption-codes", route_handlers=[list_codes, create_codes, revoke_code], tags=["redemption codes"]
)
member_router = Router("/", route_handlers=[redeem_code], tags=["wallet"])
