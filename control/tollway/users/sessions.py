"""Sessions: a random cookie, known to the table by its SHA-256 only; a new one at every sign-in.

The cookie is `__Host-tollway` over https (Secure, no Domain, Path=/) and plainly named over http, where browsers refuse
the prefix: that is loopback, or an operator who has not put TLS in front. People see a session by a handle, from which
neither its cookie nor its row's id can be made. A session that ends takes the user's session keys with it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from sqlalchemy import delete, select

from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import SessionRow
from tollway.errors import NotFound
from tollway.http.callers import COOKIE_PLAIN, COOKIE_SECURE, Caller, session_cookie, session_digest
from tollway.http.request import is_https
from tollway.session_keys.service import revoke_of
from tollway.users.schemas import SessionView

LIFETIME: Final = timedelta(days=14)
AGENT_CHARS_MAX: Final = 256
# Whoever signs in once more than this ends the session that was idle the longest.
SESSIONS_PER_USER_MAX: Final = 50
_COOKIE_BYTES: Final = 32
_HANDLE_LABEL: Final = b"session-handle"
_HANDLE_CHARS: Final = 20


async def begin(tx: WriteTx, connection: ASGIConnection[Any, Any, Any, Any], user_id: str, caller: Caller) -> str:
    """Start a session and end the one this browser had; sessions past their time go too. Returns the cookie's value."""
    value = secrets.token_urlsafe(_COOKIE_BYTES)
    await tx.session.execute(delete(SessionRow).where(SessionRow.expires_at <= tx.now))
    former = session_cookie(connection)
    if former is not None:
        await _end_former(tx, session_digest(former))
    await _make_room(tx, user_id)
    agent = connection.headers.get("user-agent", "")[:AGENT_CHARS_MAX]
    tx.add(
        SessionRow(
            id=session_digest(value),
            user_id=user_id,
            created_at=tx.now,
            last_seen_at=tx.now,
            expires_at=tx.now + LIFETIME,
            address=caller.address,
            agent=agent,
        )
    )
    await trail.record(tx, caller, "session.begin", user_id)
    return value


async def end(tx: WriteTx, caller: Caller) -> None:
    """Sign out: this session is gone from the next request on."""
    await tx.session.execute(delete(SessionRow).where(SessionRow.id == caller.session))
    await revoke_of(tx, caller.id)
    await trail.record(tx, caller, "session.end", caller.id)


async def list_own(tx: ReadTx, caller: Caller) -> list[SessionView]:
    """The caller's sessions that have not ended, the one seen last first."""
    wanted = select(SessionRow).where(SessionRow.user_id == caller.user_id, SessionRow.expires_at > tx.now)
    rows = await tx.session.scalars(wanted.order_by(SessionRow.last_seen_at.desc()).limit(SESSIONS_PER_USER_MAX))
    return [
        SessionView(
            id=handle_of(row.id),
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            address=row.address,
            agent=row.agent,
            current=row.id == caller.session,
        )
        for row in rows
    ]


async def end_one(tx: WriteTx, caller: Caller, handle: str) -> bool:
    """End one of the caller's sessions. Returns whether it was this one. Raises NotFound."""
    ids = await tx.session.scalars(select(SessionRow.id).where(SessionRow.user_id == caller.user_id))
    found = next((session for session in ids if handle_of(session) == handle), None)
    if found is None:
        raise NotFound("there is no such session; it may have ended already")
    await tx.session.execute(delete(SessionRow).where(SessionRow.id == found))
    await revoke_of(tx, caller.id)
    await trail.record(tx, caller, "session.end", caller.id, after={"session": handle})
    return found == caller.session


async def end_others(tx: WriteTx, caller: Caller) -> int:
    """End all of the caller's sessions but this one. Returns how many those were."""
    others = delete(SessionRow).where(SessionRow.user_id == caller.user_id, SessionRow.id != caller.session)
    ended = len((await tx.session.scalars(others.returning(SessionRow.id))).all())
    if ended:
        await revoke_of(tx, caller.id)
        await trail.record(tx, caller, "session.end_others", caller.id, after={"sessions": ended})
    return ended


async def end_all(tx: WriteTx, user_id: str) -> None:
    """Nobody is signed in as this user any more; who ends them records why."""
    await tx.session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
    await revoke_of(tx, user_id)


def handle_of(session: bytes) -> str:
    """What people see of a session's id."""
    return f"ses_{hashlib.sha256(_HANDLE_LABEL + session).hexdigest()[:_HANDLE_CHARS]}"


def cookie(connection: ASGIConnection[Any, Any, Any, Any], value: str) -> Cookie:
    """The cookie that carries a session; an empty value takes it away."""
    https = is_https(connection)
    return Cookie(
        key=COOKIE_SECURE if https else COOKIE_PLAIN,
        value=value,
        path="/",
        max_age=int(LIFETIME.total_seconds()) if value else 0,
        secure=https,
        httponly=True,
        samesite="lax",
    )


async def _end_former(tx: WriteTx, session: bytes) -> None:
    """The browser may have been somebody else's until now: what that person's pages held ends as well."""
    former = await tx.session.scalar(delete(SessionRow).where(SessionRow.id == session).returning(SessionRow.user_id))
    if former is not None:
        await revoke_of(tx, former)


async def _make_room(tx: WriteTx, user_id: str) -> None:
    kept = select(SessionRow.id).where(SessionRow.user_id == user_id).order_by(SessionRow.last_seen_at.desc())
    idle = (await tx.session.scalars(kept.offset(SESSIONS_PER_USER_MAX - 1))).all()
    if idle:
        await tx.session.execute(delete(SessionRow).where(SessionRow.id.in_(idle)))
        await revoke_of(tx, user_id)
