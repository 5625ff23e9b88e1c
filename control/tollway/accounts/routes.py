"""`/api/admin/accounts`. Credits are in wallets."""

from __future__ import annotations

from litestar import Response, Router, get, patch, post
from litestar.params import FromPath, JSONBody

from tollway.accounts import service
from tollway.accounts.schemas import AccountCreate, AccountPatch, AccountView
from tollway.http.changes import changed
from tollway.http.deps import Asking, Ctx, Expected, Paging
from tollway.http.lists import Page


@get("/", summary="List accounts")
async def list_accounts(ctx: Ctx, page: Paging) -> Page[AccountView]:
    """Newest first."""
    async with ctx.db.read_tx() as tx:
        return await service.list_page(tx, page)


@post("/", summary="Make an account")
async def create_account(ctx: Ctx, caller: Asking, data: JSONBody[AccountCreate]) -> Response[AccountView]:
    """201 with the account and its empty wallet."""
    async with ctx.db.write_tx() as tx:
        view = await service.create(tx, caller, data)
    return changed(view, tx.generation, 201)


@get("/{account_id:str}", summary="Read an account")
async def get_account(ctx: Ctx, account_id: FromPath[str]) -> AccountView:
    """The account with its wallet."""
    async with ctx.db.read_tx() as tx:
        return await service.view_of(tx, await service.require(tx, account_id))


@patch("/{account_id:str}", summary="Change an account")
async def change_account(
    ctx: Ctx, caller: Asking, account_id: FromPath[str], data: JSONBody[AccountPatch], expected: Expected
) -> Response[AccountView]:
    """Changes the fields that are sent."""
    async with ctx.db.write_tx() as tx:
        view = await service.change(tx, caller, account_id, data, expected)
    return changed(view, tx.generation)


router = Router(
    "/api/admin/accounts",
    route_handlers=[list_accounts, create_account, get_account, change_account],
    tags=["accounts"],
)
