"""Rules of accounts. Each has a wallet from its first moment and keeps it; who should not pay any more is disabled."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET
from sqlalchemy import select

from tollway.accounts.schemas import AccountCreate, AccountPatch, AccountView
from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AccountRow, GroupRow
from tollway.errors import Invalid, NotFound
from tollway.http.balance import balance, balances
from tollway.http.callers import Caller
from tollway.http.changes import require_version
from tollway.http.fields import merge, merge_limits
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.ledger import open_wallet

DEFAULT_GROUP: Final = "default"


async def require(tx: ReadTx, account_id: str) -> AccountRow:
    """The account, or NotFound."""
    row = await tx.session.get(AccountRow, account_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("there is no such account")
    return row


async def view_of(tx: ReadTx, row: AccountRow) -> AccountView:
    """An account with its wallet."""
    return AccountView.of(row, await balance(tx, row.id))


async def list_page(tx: ReadTx, page: ListQuery) -> Page[AccountView]:
    """One page of all, newest first; `q` in name and id."""
    wanted = select(AccountRow).where(AccountRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((AccountRow.name, AccountRow.id), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (AccountRow.id,), (str,), newest_first=True))).all()
    wallets = await balances(tx, [row.id for row in rows])
    return to_page(rows, page, lambda row: AccountView.of(row, wallets[row.id]), lambda row: (row.id,))


async def create(tx: WriteTx, caller: Caller, wish: AccountCreate) -> AccountView:
    """Make an account and its wallet. Raises Invalid for a group that does not exist."""
    row = AccountRow(id=new_id("acc"), kind=wish.kind, group_name=DEFAULT_GROUP, extra_groups=[], enabled=True)
    await _apply(tx, row, wish)
    tx.add(row)
    await tx.flush()
    await open_wallet(tx, row.id)
    tx.touch("account", row.id)
    view = await view_of(tx, row)
    await trail.record(tx, caller, "account.create", row.id, after=_settled(view))
    return view


async def change(tx: WriteTx, caller: Caller, account_id: str, wish: AccountPatch, expected: int | None) -> AccountView:
    """PATCH. Raises NotFound, StaleVersion, Invalid."""
    row = await require(tx, account_id)
    require_version(row, expected)
    before = _settled(await view_of(tx, row))
    await _apply(tx, row, wish)
    await tx.flush()
    view = await view_of(tx, row)
    after = _settled(view)
    if trail.differs(before, after):
        tx.touch("account", row.id)
        await trail.record(tx, caller, "account.change", row.id, before=before, after=after)
    return view


def _settled(view: AccountView) -> dict[str, object]:
    """For the audit log: without the wallet, which has a record of its own (the ledger) and moves by itself."""
    body: dict[str, object] = trail.body_of(view)
    del body["wallet"]
    return body


async def _apply(tx: WriteTx, row: AccountRow, wish: AccountPatch) -> None:
    merge(row, wish, ("name", "enabled"))
    if wish.group is not UNSET:
        row.group_name = wish.group or DEFAULT_GROUP
        await _require_groups(tx, "group", [row.group_name])
    if wish.extra_groups is not UNSET:
        row.extra_groups = list(dict.fromkeys(wish.extra_groups or ()))
        await _require_groups(tx, "extra_groups[{n}]", row.extra_groups)
    merge_limits(row, wish.limits)


async def _require_groups(tx: WriteTx, field: str, names: list[str]) -> None:
    with tx.session.no_autoflush:
        known = set(
            await tx.session.scalars(
                select(GroupRow.name).where(GroupRow.name.in_(names), GroupRow.deleted_at.is_(None))
            )
        )
    for n, name in enumerate(names):
        if name not in known:
            raise Invalid(field.format(n=n), f"there is no group {name!r}")
