"""`/api/admin/groups`."""

from __future__ import annotations

from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from tollway.groups import service
from tollway.groups.schemas import GroupCreate, GroupPatch, GroupView
from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import Page


@get("/", summary="List groups")
async def list_groups(ctx: Ctx, page: Paging) -> Page[GroupView]:
    """By name."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page)


@post("/", summary="Make a group")
async def create_group(ctx: Ctx, caller: Asking, data: JSONBody[GroupCreate]) -> Response[GroupView]:
    """201 with the group."""
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, data)
    return changed(view, tx.generation, 201)


@get("/{name:str}", summary="Read a group")
async def get_group(ctx: Ctx, name: FromPath[str]) -> GroupView:
    """The group."""
    async with ctx.db.read_tx() as tx:
        return GroupView.of(await service.require(tx, name))


@patch("/{name:str}", summary="Change a group")
async def change_group(
    ctx: Ctx, caller: Asking, name: FromPath[str], data: JSONBody[GroupPatch], expected: Expected
) -> Response[GroupView]:
    """Changes the fields that are sent."""
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, name, data, expected)
    return changed(view, tx.generation)


@delete("/{name:str}", summary="Delete a group")
async def delete_group(ctx: Ctx, caller: Asking, name: FromPath[str], expected: Expected) -> Response[None]:
    """204; 409 while accounts or keys are in it."""
    async with ctx.db.write_tx() as tx:
        await service.delete(tx, caller, name, expected)
    return changed(None, tx.generation, 204)


router = Router(
    "/api/admin/groups",
    route_handlers=[list_groups, create_group, get_group, change_group, delete_group],
    tags=["groups"],
)
