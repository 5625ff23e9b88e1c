"""Rules of wallets. Money moves in the ledger only; here it is decided who may move it and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from tollway.audit import trail
from tollway.db.engine import Database, ReadTx, WriteTx
from tollway.db.tables import AccountRow, EntryRow, TransferRow, WalletRow
from tollway.errors import Invalid, NotFound
from tollway.http.balance import balance
from tollway.http.callers import Caller
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.http.period import ANY_TIME, Period
from tollway.ids import new_id
from tollway.ledger import ask_back, deposit, withdraw
from tollway.ledger.posting import available, escrow
from tollway.money import format_usd, parse_usd
from tollway.wallets.schemas import CreditView, CreditWish, EntryView, WalletView

# What moves between a wallet and its leases is nobody's gain or loss: members see what came in and what was charged.
_MEMBER_KINDS = ("deposit", "withdrawal", "settle")
_ORDER = (TransferRow.created_at, TransferRow.id)


async def make_room(db: Database, account_id: str, wish: CreditWish) -> None:
    """Before money is taken back: ask the gateways for what they have on lease, as far as it is needed."""
    amount = parse_usd(wish.amount, negative=True)
    if amount < 0:
        async with db.read_tx() as tx:
            known = await tx.session.get(WalletRow, account_id)
        if known is not None:
            await ask_back(db, account_id, -amount)


async def credit(tx: WriteTx, caller: Caller, account_id: str, wish: CreditWish) -> CreditView:
    """Add to a wallet, or take back what is available. Raises NotFound, Invalid, InsufficientBalance."""
    account = await tx.session.get(AccountRow, account_id)
    if account is None or account.deleted_at is not None:
        raise NotFound("there is no such account")
    amount = parse_usd(wish.amount, negative=True)
    if amount == 0:
        raise Invalid("amount", "must not be zero")
    transfer_id = new_id("txn")
    move = deposit if amount > 0 else withdraw
    await move(tx, account_id, abs(amount), transfer_id=transfer_id, reason=wish.reason, created_by=caller.id)
    tx.touch("account", account_id)  # a gateway that found this wallet empty asks again at once
    await tx.flush()
    view = CreditView(transfer_id, format_usd(amount), await balance(tx, account_id))
    after = {"id": view.id, "amount": view.amount, "reason": wish.reason}
    await trail.record(tx, caller, "wallet.credit", account_id, after=after)
    return view


async def wallet(tx: ReadTx, account_id: str) -> WalletView:
    """The wallet of an account."""
    shown = await balance(tx, account_id)
    return WalletView(account_id, shown.available, shown.held, shown.spent)


async def entries(tx: ReadTx, account_id: str, page: ListQuery, period: Period = ANY_TIME) -> Page[EntryView]:
    """Newest first: what was added, taken back, or charged; `q` in request id and reason."""
    wanted = period.within(_movements(account_id), TransferRow.created_at)
    if page.q:
        wanted = wanted.where(like((TransferRow.request_id, TransferRow.reason), page.q))
    rows = (await tx.session.execute(after(wanted, page, _ORDER, (datetime, str), newest_first=True))).all()
    balances_nano = await _balances_after(tx, account_id, rows)
    return to_page(
        rows, page, lambda row: _entry_view(row, balances_nano[row.id]), lambda row: (row.created_at, row.id)
    )


def _movements(account_id: str) -> Select[*tuple[Any, ...]]:
    """Transfers that made this wallet larger or smaller, each with by how much."""
    own = (available(account_id), escrow(account_id))
    net = func.sum(EntryRow.amount_nano * EntryRow.side).label("net")
    return (
        select(
            TransferRow.id, TransferRow.kind, TransferRow.request_id, TransferRow.reason, TransferRow.created_at, net
        )
        .join(EntryRow, EntryRow.transfer_id == TransferRow.id)
        .where(TransferRow.account_id == account_id, TransferRow.kind.in_(_MEMBER_KINDS), EntryRow.account.in_(own))
        .group_by(TransferRow.id, TransferRow.kind, TransferRow.request_id, TransferRow.reason, TransferRow.created_at)
    )


async def _balances_after(tx: ReadTx, account_id: str, rows: Sequence[Row[Any]]) -> dict[str, int]:
    """What the wallet had after each of these movements: what it has now, less all that came later.

    Counted backwards, because a wallet's newest movements are what people look at; a filter leaves out none of them.
    """
    if not rows:
        return {}
    since = _movements(account_id).where(TransferRow.created_at >= min(row.created_at for row in rows)).subquery()
    order = (since.c.created_at.desc(), since.c.id.desc())
    later = (func.sum(since.c.net).over(order_by=order) - since.c.net).label("later")
    ranked = select(since.c.id, later).subquery()
    found = await tx.session.execute(select(ranked).where(ranked.c.id.in_([row.id for row in rows])))
    wallet_row = await tx.session.get_one(WalletRow, account_id)
    now_nano = wallet_row.available_nano + wallet_row.escrow_nano
    return {transfer_id: now_nano - int(later_nano) for transfer_id, later_nano in found}


def _entry_view(row: Row[Any], balance_nano: int) -> EntryView:
    return EntryView(
        id=row.id,
        transaction_id=row.id,
        amount=format_usd(int(row.net)),
        balance=format_usd(balance_nano),
        kind=row.kind,
        request_id=row.request_id,
        reason=row.reason,
        created_at=row.created_at,
    )
