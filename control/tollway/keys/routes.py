"""`/api/keys` for members of an account, `/api/admin/keys` for operators: the same rules behind both."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tollway.http.callers import Caller
from tollway.http.changes import changed
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import ListQuery, Page
from tollway.keys import service
from tollway.keys.schemas import AdminKeyCreate, KeyCreate, KeyPatch, KeyView, KeyWithSecret, Purpose

# The secret must not stay in any cache on the way.
_SHOWN_ONCE = {"cache-control": "no-store"}


async def _list(ctx: Context, page: ListQuery, account_id: str | None, purpose: Purpose = "api") -> Page[KeyView]:
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page, account_id, purpose)


async def _create(ctx: Context, caller: Caller, account_id: str, wish: KeyCreate) -> Response[KeyWithSecret]:
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, ctx.vault.key_pepper, account_id, wish)
    return changed(view, tx.generation, 201, _SHOWN_ONCE)


async def _change(
    ctx: Context, caller: Caller, key_id: str, wish: KeyPatch, expected: int | None, account_id: str | None
) -> Response[KeyView]:
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, key_id, wish, expected, account_id)
    return changed(view, tx.generation)


async def _rotate(
    ctx: Context, caller: Caller, key_id: str, expected: int | None, account_id: str | None
) -> Response[KeyWithSecret]:
    async with ctx.db.write_tx() as tx:
        view = await service.rotate(tx, caller, ctx.vault.key_pepper, key_id, expected, account_id)
    return changed(view, tx.generation, 200, _SHOWN_ONCE)


async def _delete(
    ctx: Context, caller: Caller, key_id: str, expected: int | None, account_id: str | None
) -> Response[None]:
    async with ctx.db.write_tx() as tx:
        await service.delete(tx, caller, key_id, expected, account_id)
    return changed(None, tx.generation, 204)


@get("/", summary="List this account's keys")
async def list_keys(ctx: Ctx, caller: Asking, page: Paging) -> Page[KeyView]:
    """Newest first."""
    return await _list(ctx, page, caller.account)


@post("/", summary="Make a key")
async def create_key(ctx: Ctx, caller: Asking, data: JSONBody[KeyCreate]) -> Response[KeyWithSecret]:
    """201; `secret` is shown here and never again."""
    return await _create(ctx, caller, caller.account, data)


@get("/{key_id:str}", summary="Read a key")
async def get_key(ctx: Ctx, caller: Asking, key_id: FromPath[str]) -> KeyView:
    """The key, without its secret."""
    async with ctx.db.read_tx() as tx:
        return await service.view_of(tx, await service.require(tx, key_id, caller.account))


@patch("/{key_id:str}", summary="Change a key")
async def change_key(
    ctx: Ctx, caller: Asking, key_id: FromPath[str], data: JSONBody[KeyPatch], expected: Expected
) -> Response[KeyView]:
    """Changes the fields that are sent."""
    return await _change(ctx, caller, key_id, data, expected, caller.account)


@delete("/{key_id:str}", summary="Delete a key")
async def delete_key(ctx: Ctx, caller: Asking, key_id: FromPath[str], expected: Expected) -> Response[None]:
    """204; refused by every gateway within a second."""
    return await _delete(ctx, caller, key_id, expected, caller.account)


@post("/{key_id:str}/rotate", summary="Give a key a new secret", status_code=200)
async def rotate_key(ctx: Ctx, caller: Asking, key_id: FromPath[str], expected: Expected) -> Response[KeyWithSecret]:
    """The old secret is refused from then on."""
    return await _rotate(ctx, caller, key_id, expected, caller.account)


@get("/", summary="List keys")
async def admin_list_keys(
    ctx: Ctx,
    page: Paging,
    account_id: Annotated[str | None, QueryParameter(max_length=64)] = None,
    purpose: FromQuery[Purpose] = "api",
) -> Page[KeyView]:
    """Of all accounts or one, newest first. `purpose=portal`: the short-lived ones of people's pages."""
    return await _list(ctx, page, account_id, purpose)


@post("/", summary="Make a key for an account")
async def admin_create_key(ctx: Ctx, caller: Asking, data: JSONBody[AdminKeyCreate]) -> Response[KeyWithSecret]:
    """201; `secret` is shown here and never again."""
    return await _create(ctx, caller, data.account_id, data)


@get("/{key_id:str}", summary="Read any key")
async def admin_get_key(ctx: Ctx, key_id: FromPath[str]) -> KeyView:
    """The key, without its secret."""
    async with ctx.db.read_tx() as tx:
        return await service.view_of(tx, await service.require(tx, key_id, None))


@patch("/{key_id:str}", summary="Change any key")
async def admin_change_key(
    ctx: Ctx, caller: Asking, key_id: FromPath[str], data: JSONBody[KeyPatch], expected: Expected
) -> Response[KeyView]:
    """Changes the fields that are sent."""
    return await _change(ctx, caller, key_id, data, expected, None)


@delete("/{key_id:str}", summary="Delete any key")
async def admin_delete_key(ctx: Ctx, caller: Asking, key_id: FromPath[str], expected: Expected) -> Response[None]:
    """204; refused by every gateway within a second."""
    return await _delete(ctx, caller, key_id, expected, None)


@post("/{key_id:str}/rotate", summary="Give any key a new secret", status_code=200)
async def admin_rotate_key(
    ctx: Ctx, caller: Asking, key_id: FromPath[str], expected: Expected
) -> Response[KeyWithSecret]:
    """The old secret is refused from then on."""
    return await _rotate(ctx, caller, key_id, expected, None)


member_router = Router(
    "/api/keys", route_handlers=[list_keys, create_key, get_key, change_key, delete_key, rotate_key], tags=["keys"]
)
admin_router = Router(
    "/api/admin/keys",
    route_handlers=[
        admin_list_keys,
        admin_create_key,
        admin_get_key,
        admin_change_key,
        admin_delete_key,
        admin_rotate_key,
    ],
    tags=["keys"],
)
