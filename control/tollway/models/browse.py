"""The catalogue as somebody sees it: an account at its group's price, a stranger at that of the group `default`.

Patterns are matched here, because a glob is not SQL: rows are walked in the order of names until the page is full. What
is out of reach is as if it did not exist.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import GroupRow, ModelRow
from tollway.errors import NotFound
from tollway.http.fields import Limits, limits_of
from tollway.http.globs import patterns
from tollway.http.lists import ListQuery, Page, after, encode_cursor, like
from tollway.models import prices
from tollway.models.offered import STRANGERS_GROUP
from tollway.models.schemas import MemberModelView
from tollway.models.service import reach, require

# In the order in which a filter offers them.
KINDS: Final = ("chat", "completion", "embedding", "image", "audio", "rerank", "moderation")


class Details(msgspec.Struct):
    """One model on a page of its own: its view, and the limits that the operator set on the model itself."""

    view: MemberModelView
    limits: Limits


async def browse(tx: ReadTx, account_id: str | None, page: ListQuery, kind: str | None) -> Page[MemberModelView]:
    """One page by name; `q` in name, display name and owner. Raises Invalid for a cursor of another list."""
    group, pattern = await _reach(tx, account_id)
    if group is None:
        return Page([])
    wanted = select(ModelRow).where(ModelRow.deleted_at.is_(None), ModelRow.enabled)
    if kind is not None:
        wanted = wanted.where(ModelRow.kind == kind)
    if page.q:
        wanted = wanted.where(like((ModelRow.name, ModelRow.display_name, ModelRow.owned_by), page.q))
    statement = after(wanted, page, (ModelRow.name,), (str,), newest_first=False).limit(None)
    found: list[ModelRow] = []
    for row in await tx.session.scalars(statement):
        if pattern.fullmatch(row.name):
            found.append(row)
        if len(found) > page.limit:
            break
    shown = found[: page.limit]
    current = await prices.current(tx, [row.name for row in shown])
    views = [MemberModelView.of(row, current.get(row.name), group.price_multiplier_micro) for row in shown]
    return Page(views, encode_cursor((shown[-1].name,)) if len(found) > page.limit else None)


async def kinds_within_reach(tx: ReadTx, account_id: str | None) -> list[str]:
    """The kinds that a filter has something to show for, in the order of KINDS."""
    _, pattern = await _reach(tx, account_id)
    rows = await tx.session.execute(
        select(ModelRow.name, ModelRow.kind).where(ModelRow.deleted_at.is_(None), ModelRow.enabled)
    )
    there = {kind for name, kind in rows if pattern.fullmatch(name)}
    return [kind for kind in KINDS if kind in there]


async def look_up(tx: ReadTx, account_id: str | None, name: str) -> Details:
    """One model. Raises NotFound, also for one that exists and is out of reach."""
    group, pattern = await _reach(tx, account_id)
    row = await require(tx, name)
    if group is None or not row.enabled or not pattern.fullmatch(row.name):
        raise NotFound(f"there is no model {name!r} here")
    current = await prices.current(tx, [row.name])
    return Details(MemberModelView.of(row, current.get(row.name), group.price_multiplier_micro), limits_of(row))


async def _reach(tx: ReadTx, account_id: str | None) -> tuple[GroupRow | None, re.Pattern[str]]:
    if account_id is not None:
        return await reach(tx, account_id)
    group = await tx.session.scalar(
        select(GroupRow).where(GroupRow.name == STRANGERS_GROUP, GroupRow.deleted_at.is_(None))
    )
    return group, patterns(group.models if group is not None else [])
