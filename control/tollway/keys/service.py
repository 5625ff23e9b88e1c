"""Rules of keys. HTTP is in routes.py, rows are in db/tables/keys.py.

A secret exists in clear exactly twice: in the answer to create and to rotate. What is stored is HMAC-SHA-256 under the
installation's pepper, so a copy of the database lets nobody in. A key narrows what its account may do and never widens
it: checked here when it is written, and by the gateway at each call, because the account's reach may shrink later.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import msgspec
from msgspec import UNSET
from sqlalchemy import select

from tollway.audit import trail
from tollway.crypto import KeySecret
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AccountRow, GroupRow, KeyRow
from tollway.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from tollway.http.callers import ROLE_RANK, Caller
from tollway.http.changes import require_version
from tollway.http.fields import in_utc, merge, merge_limits
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.keys.schemas import KeyCreate, KeyPatch, KeyView, KeyWithSecret, Purpose
from tollway.keys.use import last_uses

# What the members of an account may make by themselves; operators have no such bound.
KEYS_PER_ACCOUNT_MAX: Final = 10_000


async def require(tx: ReadTx, key_id: str, account_id: str | None) -> KeyRow:
    """The key, or NotFound; with `account_id` also when it is another account's."""
    row = await tx.session.get(KeyRow, key_id)
    if row is None or row.deleted_at is not None or row.purpose != "api" or account_id not in (None, row.account_id):
        raise NotFound("there is no such key")
    return row


async def list_page(tx: ReadTx, page: ListQuery, account_id: str | None, purpose: Purpose = "api") -> Page[KeyView]:
    """One page of an account's keys, or of all, newest first; `q` in name, hint and id.

    Purpose `portal`: the short-lived ones of people's pages, which nobody manages and only operators ask for.
    """
    wanted = select(KeyRow).where(KeyRow.deleted_at.is_(None), KeyRow.purpose == purpose)
    if account_id is not None:
        wanted = wanted.where(KeyRow.account_id == account_id)
    if page.q:
        wanted = wanted.where(like((KeyRow.name, KeyRow.hint, KeyRow.id), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (KeyRow.id,), (str,), newest_first=True))).all()
    used = await last_uses(tx, [row.id for row in rows])
    return to_page(rows, page, lambda row: KeyView.of(row, tx.now, used.get(row.id)), lambda row: (row.id,))


async def view_of(tx: ReadTx, row: KeyRow) -> KeyView:
    """One key, with when it was last used."""
    return KeyView.of(row, tx.now, (await last_uses(tx, [row.id])).get(row.id))


def may_change(caller: Caller, created_by: str | None) -> bool:
    """Whether the caller's role in the key's account is enough: a mere member changes only the keys he made."""
    rank = ROLE_RANK[caller.account_role or "viewer"]
    return rank > ROLE_RANK["member"] or (rank == ROLE_RANK["member"] and created_by == caller.user_id)


async def create(
    tx: WriteTx, caller: Caller, pepper: bytes, account_id: str, wish: KeyCreate, secret: KeySecret | None = None
) -> KeyWithSecret:
    """Make a key for an account. Raises Invalid (no such account or group, or wider than the account)."""
    account = await tx.session.get(AccountRow, account_id)
    if account is None or account.deleted_at is not None:
        raise Invalid("account_id", "there is no such account")
    if caller.role != "operator":
        await _require_room(tx, account_id)
    secret = secret or KeySecret.generate()
    row = KeyRow(
        id=new_id("key"),
        account_id=account_id,
        created_by=caller.user_id,
        name=wish.name,
        digest=secret.digest(pepper),
        hint=secret.hint(),
        enabled=True,
    )
    _apply(row, wish)
    await _refuse_widening(tx, account, row)
    tx.add(row)
    await tx.flush()
    tx.touch("key", row.id)
    view = KeyView.of(row, tx.now)
    await trail.record(tx, caller, "key.create", row.id, after=trail.body_of(view))
    return with_secret(view, secret)


async def _require_room(tx: ReadTx, account_id: str) -> None:
    """Raises Conflict when the account has as many keys as members may make."""
    own = select(KeyRow.id).where(KeyRow.account_id == account_id, KeyRow.deleted_at.is_(None), KeyRow.purpose == "api")
    if await tx.session.scalar(own.offset(KEYS_PER_ACCOUNT_MAX - 1).limit(1)) is not None:
        raise Conflict(f"this account has {KEYS_PER_ACCOUNT_MAX} keys, the most there may be; revoke one first")


async def change(
    tx: WriteTx, caller: Caller, key_id: str, wish: KeyPatch, expected: int | None, account_id: str | None
) -> KeyView:
    """PATCH. Raises NotFound, Forbidden, StaleVersion, Invalid."""
    row = await require_mine(tx, caller, key_id, account_id)
    require_version(row, expected)
    account = await tx.session.get_one(AccountRow, row.account_id)
    before = trail.body_of(KeyView.of(row, tx.now))
    _apply(row, wish)
    if wish.group is not UNSET or wish.models is not UNSET:
        await _refuse_widening(tx, account, row)
    await tx.flush()
    after = trail.body_of(KeyView.of(row, tx.now))
    if trail.differs(before, after):
        tx.touch("key", row.id)
        await trail.record(tx, caller, "key.change", row.id, before=before, after=after)
    return await view_of(tx, row)


async def rotate(
    tx: WriteTx, caller: Caller, pepper: bytes, key_id: str, expected: int | None, account_id: str | None
) -> KeyWithSecret:
    """A new secret for the same key; the old one is refused as soon as the gateways know. Raises as `change` does."""
    row = await require_mine(tx, caller, key_id, account_id)
    require_version(row, expected)
    secret = KeySecret.generate()
    tx.touch("key", row.id, row.digest)
    before = {"hint": row.hint}
    row.digest, row.hint = secret.digest(pepper), secret.hint()
    await tx.flush()
    await trail.record(tx, caller, "key.rotate", row.id, before=before, after={"hint": row.hint})
    return with_secret(await view_of(tx, row), secret)


async def delete(tx: WriteTx, caller: Caller, key_id: str, expected: int | None, account_id: str | None) -> None:
    """Mark a key as gone. Raises NotFound, Forbidden, StaleVersion."""
    row = await require_mine(tx, caller, key_id, account_id)
    require_version(row, expected)
    before = trail.body_of(KeyView.of(row, tx.now))
    row.enabled, row.deleted_at = False, tx.now
    tx.touch("key", row.id, row.digest)
    await trail.record(tx, caller, "key.delete", row.id, before=before)


def with_secret(view: KeyView, secret: KeySecret) -> KeyWithSecret:
    """The one view that shows it."""
    return KeyWithSecret(**msgspec.structs.asdict(view), secret=secret.reveal())


async def require_mine(tx: ReadTx, caller: Caller, key_id: str, account_id: str | None) -> KeyRow:
    """A key this caller may change: a mere member changes only the keys he made."""
    row = await require(tx, key_id, account_id)
    if account_id is not None and not may_change(caller, row.created_by):
        raise Forbidden("this key was made by somebody else; an admin or owner of the account may change it")
    return row


def _apply(row: KeyRow, wish: KeyPatch) -> None:
    merge(row, wish, ("name", "enabled"))
    if wish.expires_at is not UNSET:
        row.expires_at = in_utc(wish.expires_at, "expires_at") if wish.expires_at is not None else None
    if wish.group is not UNSET:
        row.group_name = wish.group
    for field in ("models", "endpoints"):
        value = getattr(wish, field)
        if value is not UNSET:
            setattr(row, field, None if value is None else list(dict.fromkeys(value)))
    if wish.allow_ips is not UNSET:
        row.allow_ips = None if wish.allow_ips is None else checked_ranges(wish.allow_ips)
    merge_limits(row, wish.limits)


def checked_ranges(ranges: list[str]) -> list[str]:
    """Addresses and CIDR ranges in their canonical form. Raises Invalid naming each that is neither."""
    checked: list[str] = []
    errors: list[FieldError] = []
    for n, text in enumerate(ranges):
        try:
            checked.append(str(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            errors.append(FieldError(f"allow_ips[{n}]", "is not an IP address or CIDR range"))
    if errors:
        raise Invalid(errors[0].field, errors[0].message, errors=errors)
    return list(dict.fromkeys(checked))


async def _refuse_widening(tx: ReadTx, account: AccountRow, row: KeyRow) -> None:
    name = row.group_name or account.group_name
    if name not in (account.group_name, *account.extra_groups):
        raise Invalid("group", "must be the account's group or one of its extra_groups")
    group = await tx.session.get(GroupRow, name)
    if group is None or group.deleted_at is not None:
        raise Invalid("group", f"there is no group {name!r}")
    for n, pattern in enumerate(row.models or ()):
        # A pattern with * is cut to the group's reach at each call; a plain name outside it can only be a mistake.
        if "*" not in pattern and not any(_matches(pattern, reach) for reach in group.models):
            raise Invalid(f"models[{n}]", f"the group {name!r} may not call {pattern!r}")


def _matches(name: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) is not None
