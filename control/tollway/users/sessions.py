"""Sessions: a random cookie, known to the table by its SHA-256 only; a new one at every sign-in.

The cookie is `__Host-tollway` over https (Secure, no Domain, Path=/) and plainly named over http, where browsers refuse
the prefix: that is loopback, or an operator who has not put TLS in front.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from sqlalchemy import delete

from tollway.audit import trail
from tollway.db.engine import WriteTx
from tollway.db.tables import SessionRow
from tollway.http.callers import COOKIE_PLAIN, COOKIE_SECURE, Caller, session_cookie, session_digest
from tollway.http.request import is_https

LIFETIME: Final = timedelta(days=14)
AGENT_CHARS_MAX: Final = 256
_COOKIE_BYTES: Final = 32


async def begin(tx: WriteTx, connection: ASGIConnection[Any, Any, Any, Any], user_id: str, caller: Caller) -> str:
    """Start a session and end the one this browser had; sessions past their time go too. Returns the cookie's value."""
    value = secrets.token_urlsafe(_COOKIE_BYTES)
    await tx.session.execute(delete(SessionRow).where(SessionRow.expires_at <= tx.now))
    former = session_cookie(connection)
    if former is not None:
        await tx.session.execute(delete(SessionRow).where(SessionRow.id == session_digest(former)))
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
    await trail.record(tx, caller, "session.end", caller.id)


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
