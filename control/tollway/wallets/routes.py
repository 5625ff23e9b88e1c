"""`/api/wallet` for members, `/api/admin/accounts/{id}/credits` and `/api/admin/ledger` for operators."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import select

from tollway.db.tables import EntryRow, TransferRow
from tollway.http import idempotency
from tollway.http.deps import Asking, Ctx, IdempotencyKey, Paging, Within
from tollway.http.lists import Page, after, like, to_page
from tollway.wallets import crediting, service
from tollway.wallets.schemas import CreditView, CreditWish, EntryView, LedgerView, WalletView

Filter = Annotated[str | None, QueryParameter(max_length=128)]


@get("/", summary="Read the wallet")
async def get_wallet(ctx: Ctx, caller: Asking) -> WalletView:
    """`available` includes what lies free in the gateways' leases; `held` is what live requests hold."""
    async with ctx.db.read_tx() as tx:
        return await service.wallet(tx, caller.account)


@get("/entries", summary="List the wallet's movements")
async def list_entries(ctx: Ctx, caller: Asking, page: Paging, period: Within) -> Page[EntryView]:
    """Newest first: what was added, taken back, or charged, and the balance after it. Filters: `from`, `to`; `q` in
    request id and reason.
    """
    async with ctx.db.read_tx() as tx:
        return await service.entries(tx, caller.account, page, period)


@post("/{account_id:str}/credits", summary="Add to a wallet, or take back what is available")
async def create_credit(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    caller: Asking,
    account_id: FromPath[str],
    idempotency_key: IdempotencyKey,
    data: JSONBody[CreditWish],
) -> Response[CreditView]:
    """201. Needs Idempotency-Key; sent again, the first answer comes again and nothing moves."""
    tried = idempotency.attempt(caller.id, request.url.path, idempotency_key, data)
    return await crediting.credit_once(ctx.db, caller, account_id, data, tried)


@get("/", summary="List ledger entries")
async def list_ledger(
    ctx: Ctx, page: Paging, period: Within, account_id: Filter = None, request_id: Filter = None
) -> Page[LedgerView]:
    """Newest first. Filters: `account_id` and `request_id` of the transaction, `from`, `to`."""
    wanted = select(EntryRow, TransferRow).join(TransferRow, TransferRow.id == EntryRow.transfer_id)
    wanted = period.within(wanted, TransferRow.created_at)
    if account_id is not None:
        wanted = wanted.where(TransferRow.account_id == account_id)
    if request_id is not None:
        wanted = wanted.where(TransferRow.request_id == request_id)
    if page.q:
        wanted = wanted.where(like((TransferRow.id, TransferRow.request_id, EntryRow.account), page.q))
    async with ctx.db.read_tx() as tx:
        rows = (await tx.session.execute(after(wanted, page, (EntryRow.id,), (int,), newest_first=True))).all()
    return to_page(rows, page, lambda row: LedgerView.of(row[0], row[1]), lambda row: (row[0].id,))


member_router = Router("/api/wallet", route_handlers=[get_wallet, list_entries], tags=["wallet"])
credits_router = Router("/api/admin/accounts", route_handlers=[create_credit], tags=["accounts"])
ledger_router = Router("/api/admin/ledger", route_handlers=[list_ledger], tags=["ledger"])
