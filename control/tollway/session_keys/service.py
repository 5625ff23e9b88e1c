"""Rules of session keys: one hidden key per person and account, given a new secret at each mint.

It is a relay key like any other to the gateways: the account's group, limits and wallet hold for it. It lives
`LIFETIME` and never longer than a session: whatever ends a session of the person takes all of them away. Another page
of the same person then mints anew; a page that is told 401 does so once by itself. Ending deletes the session first and
revokes then, minting locks the session first: so no mint can slip in between.

Rows are used again, not piled up: revoked ones are marked deleted, so that lists and snapshots are without them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from tollway.audit import trail
from tollway.crypto import KeySecret
from tollway.db.engine import WriteTx
from tollway.db.tables import KeyRow, SessionRow
from tollway.db.upsert import upsert
from tollway.errors import Unauthorized
from tollway.http.callers import Caller
from tollway.ids import new_id
from tollway.session_keys.schemas import SessionKey

LIFETIME: Final = timedelta(minutes=15)
NAME: Final = "Playground"
PURPOSE: Final = "portal"


async def mint(tx: WriteTx, caller: Caller, pepper: bytes) -> SessionKey:
    """A new secret for the caller's key in the caller's account. Raises Unauthorized when the session has ended."""
    wanted = select(SessionRow.expires_at).where(SessionRow.id == caller.session, SessionRow.expires_at > tx.now)
    session_ends_at = await tx.session.scalar(wanted.with_for_update(read=True))
    if session_ends_at is None:
        raise Unauthorized("the session has ended; sign in again")
    secret = KeySecret.generate()
    digest = secret.digest(pepper)
    row = await _own_row(tx, caller, digest)
    tx.touch("key", row.id, row.digest if row.digest != digest else None)
    row.digest, row.hint = digest, secret.hint()
    expires_at = min(tx.now + LIFETIME, session_ends_at)
    row.enabled, row.deleted_at, row.expires_at = True, None, expires_at
    await tx.flush()
    await trail.record(tx, caller, "session_key.mint", row.id, after={"account_id": row.account_id})
    return SessionKey(secret.reveal(), expires_at, row.account_id)


async def revoke_of(tx: WriteTx, user_id: str) -> None:
    """Take the person's session keys away; gateways refuse them within a second."""
    wanted = select(KeyRow).where(KeyRow.created_by == user_id, KeyRow.purpose == PURPOSE, KeyRow.deleted_at.is_(None))
    for row in await tx.session.scalars(wanted.with_for_update()):
        row.enabled, row.deleted_at = False, tx.now
        tx.touch("key", row.id, row.digest)
    await tx.flush()


async def _own_row(tx: WriteTx, caller: Caller, digest: bytes) -> KeyRow:
    """The person's one row in the account, locked; made when there is none, by whichever mint comes first."""
    fresh = {
        "id": new_id("key"),
        "account_id": caller.account,
        "created_by": caller.user_id,
        "name": NAME,
        "purpose": PURPOSE,
        "digest": digest,
        "hint": "",
        "enabled": True,
        "version": 1,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    await tx.session.execute(upsert(tx, KeyRow).values(fresh).on_conflict_do_nothing())
    own = select(KeyRow).where(
        KeyRow.account_id == caller.account, KeyRow.created_by == caller.user_id, KeyRow.purpose == PURPOSE
    )
    return (await tx.session.scalars(own.with_for_update())).one()
