"""What an operator changes about a user. There is always an operator who can sign in: the last one stays one.

Disabling ends the user's sessions in the same transaction. The accounts and their keys are the account's matter.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from tollway.audit import trail
from tollway.db.engine import WriteTx
from tollway.db.tables import UserRow
from tollway.errors import Conflict
from tollway.http.callers import Caller
from tollway.http.changes import require_version
from tollway.http.fields import merge
from tollway.users import service, sessions
from tollway.users.schemas import UserPatch, UserView

_FIELDS: Final = ("name", "role", "enabled", "language")
_LAST: Final = "this is the last operator who can sign in; make another one first, then change this one"


async def change(tx: WriteTx, caller: Caller, user_id: str, wish: UserPatch, expected: int | None) -> UserView:
    """PATCH. Raises NotFound, StaleVersion, Conflict for the last operator."""
    operators = await _lock_operators(tx)
    row = await service.require(tx, user_id)
    require_version(row, expected)
    account_id = (await service.personal_accounts(tx, [user_id])).get(user_id)
    before = trail.body_of(UserView.of(row, account_id))
    merge(row, wish, _FIELDS)
    if operators == [user_id] and not (row.enabled and row.role == "operator"):
        raise Conflict(_LAST)
    await tx.flush()
    view = UserView.of(row, account_id)
    after = trail.body_of(view)
    if before["enabled"] and not row.enabled:
        await sessions.end_all(tx, user_id)
    if trail.differs(before, after):
        await trail.record(tx, caller, "user.change", user_id, before=before, after=after)
    return view


async def _lock_operators(tx: WriteTx) -> list[str]:
    """The operators who can sign in, locked in one order: two who demote each other take turns."""
    wanted = select(UserRow.id).where(UserRow.role == "operator", UserRow.enabled, UserRow.deleted_at.is_(None))
    return list(await tx.session.scalars(wanted.order_by(UserRow.id).with_for_update()))
