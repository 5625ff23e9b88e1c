"""Rules of groups. `default` exists from the start and stays; a group that accounts or keys are in stays too."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET
from sqlalchemy import func, select

from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AccountRow, GroupRow, KeyRow
from tollway.errors import AlreadyExists, Conflict, NotFound
from tollway.groups.schemas import GroupCreate, GroupPatch, GroupView
from tollway.http.callers import Caller
from tollway.http.changes import require_version
from tollway.http.fields import merge_limits
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.money import MICRO, parse_multiplier

DEFAULT_GROUP: Final = "default"
# As many as a person can still choose from.
CHOICES_MAX: Final = 1_000


async def require(tx: ReadTx, name: str) -> GroupRow:
    """The group, or NotFound."""
    row = await tx.session.get(GroupRow, name)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no group {name!r}")
    return row


async def list_page(tx: ReadTx, page: ListQuery) -> Page[GroupView]:
    """One page of all, by name; `q` in name and description."""
    wanted = select(GroupRow).where(GroupRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((GroupRow.name, GroupRow.description), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (GroupRow.name,), (str,), newest_first=False))).all()
    return to_page(rows, page, GroupView.of, lambda row: (row.name,))


async def names(tx: ReadTx) -> list[str]:
    """All of them, for a choice."""
    wanted = select(GroupRow.name).where(GroupRow.deleted_at.is_(None)).order_by(GroupRow.name)
    return list(await tx.session.scalars(wanted.limit(CHOICES_MAX)))


async def create(tx: WriteTx, caller: Caller, wish: GroupCreate) -> GroupView:
    """Make a group. A name that was deleted may be used again. Raises AlreadyExists, Invalid."""
    row = await tx.session.get(GroupRow, wish.name)
    if row is not None and row.deleted_at is None:
        raise AlreadyExists(f"there is a group {wish.name!r} already")
    if row is None:
        row = GroupRow(name=wish.name)
        tx.add(row)
    row.deleted_at = None
    row.description, row.models, row.price_multiplier_micro = "", ["*"], MICRO
    merge_limits(row, None)
    _apply(row, wish)
    tx.touch("group", row.name)
    await tx.flush()
    view = GroupView.of(row)
    await trail.record(tx, caller, "group.create", row.name, after=trail.body_of(view))
    return view


async def change(tx: WriteTx, caller: Caller, name: str, wish: GroupPatch, expected: int | None) -> GroupView:
    """PATCH. Raises NotFound, StaleVersion, Invalid."""
    row = await require(tx, name)
    require_version(row, expected)
    before = trail.body_of(GroupView.of(row))
    _apply(row, wish)
    await tx.flush()
    view = GroupView.of(row)
    after = trail.body_of(view)
    if trail.differs(before, after):
        tx.touch("group", name)
        await trail.record(tx, caller, "group.change", name, before=before, after=after)
    return view


async def delete(tx: WriteTx, caller: Caller, name: str, expected: int | None) -> None:
    """Mark a group as gone. Raises NotFound, StaleVersion, Conflict while something is in it."""
    row = await require(tx, name)
    require_version(row, expected)
    if name == DEFAULT_GROUP:
        raise Conflict("the group default stays: accounts without another one are in it")
    accounts = await tx.session.scalar(
        select(func.count())
        .select_from(AccountRow)
        .where(AccountRow.group_name == name, AccountRow.deleted_at.is_(None))
    )
    keys = await tx.session.scalar(
        select(func.count()).select_from(KeyRow).where(KeyRow.group_name == name, KeyRow.deleted_at.is_(None))
    )
    if accounts or keys:
        raise Conflict(f"{accounts} accounts and {keys} keys are in this group; move them first")
    before = trail.body_of(GroupView.of(row))
    row.deleted_at = tx.now
    tx.touch("group", name)
    await trail.record(tx, caller, "group.delete", name, before=before)


def _apply(row: GroupRow, wish: GroupPatch) -> None:
    if wish.description is not UNSET:
        row.description = wish.description or ""
    if wish.price_multiplier is not UNSET:
        row.price_multiplier_micro = parse_multiplier(wish.price_multiplier)
    if wish.models is not UNSET:
        row.models = list(dict.fromkeys(wish.models))
    merge_limits(row, wish.limits)
