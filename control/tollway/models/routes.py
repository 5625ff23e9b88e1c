"""`/api/admin/models`, and `/api/models`: what an account may call, at its price."""

from __future__ import annotations

from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from sqlalchemy import select

from tollway.db.tables import ModelRow
from tollway.errors import NotFound
from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import Page, after, encode_cursor, like
from tollway.models import service
from tollway.models.schemas import MemberModelView, ModelCreate, ModelPatch, ModelView

# Model names contain slashes (`meta-llama/Llama-3.1-8B`), so they are the rest of the path.
ITEM = "/{name:path}"


@get("/", summary="List models")
async def list_models(ctx: Ctx, page: Paging) -> Page[ModelView]:
    """By name."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page)


@post("/", summary="Make a model")
async def create_model(ctx: Ctx, caller: Asking, data: JSONBody[ModelCreate]) -> Response[ModelView]:
    """201 with the model. Prices are decimal strings; see the contract for their names and units."""
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, data)
    return changed(view, tx.generation, 201)


@get(ITEM, summary="Read a model")
async def get_model(ctx: Ctx, name: FromPath[str]) -> ModelView:
    """The model."""
    async with ctx.db.read_tx() as tx:
        return await service.view_of(tx, await service.require(tx, plain(name)))


@patch(ITEM, summary="Change a model")
async def change_model(
    ctx: Ctx, caller: Asking, name: FromPath[str], data: JSONBody[ModelPatch], expected: Expected
) -> Response[ModelView]:
    """Changes the fields that are sent; `prices` and `routes` are replaced whole. New prices are a new version."""
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, plain(name), data, expected)
    return changed(view, tx.generation)


@delete(ITEM, summary="Delete a model")
async def delete_model(ctx: Ctx, caller: Asking, name: FromPath[str], expected: Expected) -> Response[None]:
    """204."""
    async with ctx.db.write_tx() as tx:
        await service.delete(tx, caller, plain(name), expected)
    return changed(None, tx.generation, 204)


@get("/", summary="List the models this account may call")
async def list_member_models(ctx: Ctx, caller: Asking, page: Paging) -> Page[MemberModelView]:
    """By name, at the price of the account's group."""
    wanted = select(ModelRow).where(ModelRow.deleted_at.is_(None), ModelRow.enabled)
    if page.q:
        wanted = wanted.where(like((ModelRow.name, ModelRow.display_name), page.q))
    statement = after(wanted, page, (ModelRow.name,), (str,), newest_first=False).limit(None)
    found: list[ModelRow] = []
    async with ctx.db.read_tx() as tx:
        # Patterns are matched here, because a glob is not SQL: rows are walked until the page is full.
        _, reach = await service.reach(tx, caller.account)
        for row in await tx.session.scalars(statement):
            if reach.fullmatch(row.name):
                found.append(row)
            if len(found) > page.limit:
                break
        views = await service.member_views(tx, caller.account, found[: page.limit])
    more = len(found) > page.limit
    return Page(views, encode_cursor((found[page.limit - 1].name,)) if more else None)


@get(ITEM, summary="Read a model this account may call")
async def get_member_model(ctx: Ctx, caller: Asking, name: FromPath[str]) -> MemberModelView:
    """404 also for a model that exists and is out of the account's reach."""
    async with ctx.db.read_tx() as tx:
        _, reach = await service.reach(tx, caller.account)
        row = await service.require(tx, plain(name))
        if not row.enabled or not reach.fullmatch(row.name):
            raise NotFound(f"there is no model {row.name!r} for this account")
        return (await service.member_views(tx, caller.account, [row]))[0]


def plain(path: str) -> str:
    """A path parameter keeps its leading slash; the name has none."""
    return path.removeprefix("/")


admin_router = Router(
    "/api/admin/models",
    route_handlers=[list_models, create_model, get_model, change_model, delete_model],
    tags=["models"],
)
member_router = Router("/api/models", route_handlers=[list_member_models, get_member_model], tags=["models"])
