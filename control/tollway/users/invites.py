"""Rules of invites: a code that lets one person sign up, once. Known to the table by its HMAC only."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, or_, select, update

from tollway.audit import trail
from tollway.crypto import Vault, hint
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import InviteRow
from tollway.errors import Conflict, Invalid, NotFound
from tollway.http.callers import Caller
from tollway.http.fields import in_utc
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.users.schemas import InviteCreate, InviteView, InviteWithCode

_LABEL: Final = "invite"
_CODE_BYTES: Final = 24
_NOT_GOOD: Final = "is not valid: it was used, has expired or was withdrawn; ask for a new one"


async def create(tx: WriteTx, caller: Caller, vault: Vault, wish: InviteCreate, base: str) -> InviteWithCode:
    """Make an invite; `base` is the address people reach this gateway by. Raises Invalid(expires_at)."""
    expires_at = in_utc(wish.expires_at, "expires_at") if wish.expires_at is not None else None
    if expires_at is not None and expires_at <= tx.now:
        raise Invalid("expires_at", "must be in the future")
    code = secrets.token_urlsafe(_CODE_BYTES)
    row = InviteRow(
        id=new_id("inv"),
        digest=vault.digest(_LABEL, code),
        hint=hint(code),
        note=wish.note,
        created_by=caller.id,
        created_at=tx.now,
        expires_at=expires_at,
    )
    tx.add(row)
    await tx.flush()
    view = InviteView.of(row, tx.now)
    await trail.record(tx, caller, "invite.create", row.id, after=trail.body_of(view))
    return InviteWithCode(**msgspec.structs.asdict(view), code=code, link=f"{base}/sign-up?invite={code}")


async def list_page(tx: ReadTx, page: ListQuery) -> Page[InviteView]:
    """One page of those that were not withdrawn, newest first; `q` in note, hint and id."""
    wanted = select(InviteRow).where(InviteRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((InviteRow.note, InviteRow.hint, InviteRow.id), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (InviteRow.id,), (str,), newest_first=True))).all()
    return to_page(rows, page, lambda row: InviteView.of(row, tx.now), lambda row: (row.id,))


async def one(tx: ReadTx, invite_id: str) -> InviteView:
    """Raises NotFound, also for one that was withdrawn."""
    row = await tx.session.get(InviteRow, invite_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("there is no such invite")
    return InviteView.of(row, tx.now)


async def withdraw(tx: WriteTx, caller: Caller, invite_id: str) -> None:
    """Make an invite worthless. Raises NotFound, Conflict when it was used already."""
    gone = update(InviteRow).where(
        InviteRow.id == invite_id, InviteRow.deleted_at.is_(None), InviteRow.used_at.is_(None)
    )
    if await tx.session.scalar(gone.values(deleted_at=tx.now).returning(InviteRow.id)) is None:
        row = await tx.session.get(InviteRow, invite_id)
        if row is None or row.deleted_at is not None:
            raise NotFound("there is no such invite")
        raise Conflict("this invite was used already; disable the user instead")
    await trail.record(tx, caller, "invite.delete", invite_id)


async def require_good(tx: ReadTx, vault: Vault, code: str | None) -> None:
    """Raises Invalid(invite) for a code that would not be taken now."""
    wanted = select(InviteRow.id).where(*_good(tx, vault, _given(code)))
    if await tx.session.scalar(wanted) is None:
        raise Invalid("invite", _NOT_GOOD)


async def spend(tx: WriteTx, vault: Vault, code: str | None) -> str:
    """Use an invite up, as one statement: of two at once one gets it. Returns its id. Raises Invalid(invite)."""
    used = update(InviteRow).where(*_good(tx, vault, _given(code))).values(used_at=tx.now)
    invite_id: str | None = await tx.session.scalar(used.returning(InviteRow.id))
    if invite_id is None:
        raise Invalid("invite", _NOT_GOOD)
    return invite_id


async def note_user(tx: WriteTx, invite_id: str, user_id: str) -> None:
    """Whom the invite that was spent made."""
    await tx.session.execute(update(InviteRow).where(InviteRow.id == invite_id).values(used_by=user_id))


def _given(code: str | None) -> str:
    text = (code or "").strip()
    if not text:
        raise Invalid("invite", "is required: sign-up here is by invite; ask the operator for a link")
    return text


def _good(tx: ReadTx, vault: Vault, code: str) -> tuple[ColumnElement[bool], ...]:
    return (
        InviteRow.digest == vault.digest(_LABEL, code),
        InviteRow.used_at.is_(None),
        InviteRow.deleted_at.is_(None),
        or_(InviteRow.expires_at.is_(None), InviteRow.expires_at > tx.now),
    )
