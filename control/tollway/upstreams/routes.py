"""`/api/admin/upstreams`."""

from __future__ import annotations

from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import Page
from tollway.upstreams import probe, service
from tollway.upstreams.schemas import UpstreamCreate, UpstreamPatch, UpstreamView


@get("/", summary="List upstreams")
async def list_upstreams(ctx: Ctx, page: Paging) -> Page[UpstreamView]:
    """By name."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page)


@post("/", summary="Make an upstream")
async def create_upstream(ctx: Ctx, caller: Asking, data: JSONBody[UpstreamCreate]) -> Response[UpstreamView]:
    """201 with the upstream; its secrets are hints from now on."""
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, ctx.vault, data)
    return changed(view, tx.generation, 201)


@get("/{name:str}", summary="Read an upstream")
async def get_upstream(ctx: Ctx, name: FromPath[str]) -> UpstreamView:
    """The upstream."""
    async with ctx.db.read_tx() as tx:
        return await service.view_of(tx, await service.require(tx, name))


@patch("/{name:str}", summary="Change an upstream")
async def change_upstream(
    ctx: Ctx, caller: Asking, name: FromPath[str], data: JSONBody[UpstreamPatch], expected: Expected
) -> Response[UpstreamView]:
    """Changes the fields that are sent; `credentials` replaces the whole list."""
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, ctx.vault, name, data, expected)
    return changed(view, tx.generation)


@delete("/{name:str}", summary="Delete an upstream")
async def delete_upstream(ctx: Ctx, caller: Asking, name: FromPath[str], expected: Expected) -> Response[None]:
    """204; 409 while models route to it."""
    async with ctx.db.write_tx() as tx:
        await service.delete(tx, caller, name, expected)
    return changed(None, tx.generation, 204)


@post("/{name:str}/test", summary="Try an upstream", status_code=200)
async def test_upstream(ctx: Ctx, caller: Asking, name: FromPath[str]) -> probe.UpstreamTest:
    """One GET of its model list with its first enabled credential. 200 whatever came of it: see `ok` and `error`."""
    return await probe.test(ctx, caller, name)


@post("/{name:str}/discover", summary="List the models an upstream has", status_code=200)
async def discover_models(ctx: Ctx, caller: Asking, name: FromPath[str]) -> probe.Discovered:
    """Nothing is stored. 502 `upstream_failed` when it gives no list."""
    return await probe.discover(ctx, caller, name)


router = Router(
    "/api/admin/upstreams",
    route_handlers=[
        list_upstreams,
        create_upstream,
        get_upstream,
        change_upstream,
        delete_upstream,
        test_upstream,
        discover_models,
    ],
    tags=["upstreams"],
)
