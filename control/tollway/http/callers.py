"""Who asks: the operator's token from the environment, a signed-in user's session, or nobody.

A relay key (`sk-tw-…`) is never accepted here, whatever else comes with it: such a request has the wrong idea of where
it is. A session is looked up by the SHA-256 of its cookie; a user who was disabled has none from the next request on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import msgspec
from litestar.connection import ASGIConnection
from sqlalchemy import select, update

from tollway.crypto import KEY_PREFIX, constant_time_equal
from tollway.db.tables import AccountRow, MembershipRow, SessionRow, UserRow, utc_now
from tollway.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tollway.http.context import Context
from tollway.http.request import client_address, public_origin, request_id

Role = Literal["nobody", "user", "auditor", "operator"]
AccountRole = Literal["viewer", "member", "admin", "owner"]
ROLE_RANK: Mapping[str, int] = {"viewer": 0, "member": 1, "admin": 2, "owner": 3}

TOKEN_CALLER_ID = "operator-token"  # noqa: S105  (the name it has in the audit log)
COOKIE_PLAIN = "tollway"
COOKIE_SECURE = "__Host-tollway"
ACCOUNT_COOKIE = "tollway-account"
SEEN_STEP = timedelta(minutes=5)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and for which account. `user_id` is None for the operator's token and for nobody."""

    id: str = "anonymous"
    role: Role = "nobody"
    user_id: str | None = None
    session: bytes | None = None
    address: str = ""
    request_id: str = ""
    account_id: str | None = None
    account_role: AccountRole | None = None

    @property
    def account(self) -> str:
        """The account of a member path; the access table guarantees it."""
        if self.account_id is None:
            raise Forbidden("this needs an account")
        return self.account_id


def session_digest(cookie: str) -> bytes:
    """What the table knows of a cookie."""
    return hashlib.sha256(cookie.encode()).digest()


def session_cookie(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The cookie's value. `__Host-` comes first: a plain one beside it may have been set by a neighbour."""
    cookies = connection.cookies
    return cookies.get(COOKIE_SECURE) or cookies.get(COOKIE_PLAIN)


def anonymous(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Nobody in particular, at this address."""
    return Caller(address=client_address(connection), request_id=request_id(connection))


async def identify(connection: ASGIConnection[Any, Any, Any, Any], ctx: Context) -> Caller:
    """Raises Unauthorized for a token or a key that is not good here; no credentials at all is Caller "nobody"."""
    nobody = anonymous(connection)
    header = connection.headers.get("authorization")
    if header is not None:
        return _by_token(header, ctx, nobody)
    cookie = session_cookie(connection)
    if cookie is None:
        return nobody
    caller = await _by_session(cookie, ctx, nobody)
    if caller.role != "nobody":
        require_own_origin(connection, ctx, needed=True)
    return caller


def _by_token(header: str, ctx: Context, nobody: Caller) -> Caller:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Authorization takes: Bearer <management token>")
    if token.startswith(KEY_PREFIX):
        raise Unauthorized("this is a relay key; it works under /v1 only. The control API takes a management token")
    if not ctx.settings.admin_token or not constant_time_equal(token, ctx.settings.admin_token):
        raise Unauthorized("this token is not known here")
    return msgspec.structs.replace(nobody, id=TOKEN_CALLER_ID, role="operator")


async def _by_session(cookie: str, ctx: Context, nobody: Caller) -> Caller:
    digest, now = session_digest(cookie), utc_now()
    async with ctx.db.read_tx() as tx:
        found = (
            await tx.session.execute(
                select(UserRow.id, UserRow.role, SessionRow.last_seen_at)
                .join(SessionRow, SessionRow.user_id == UserRow.id)
                .where(
                    SessionRow.id == digest, SessionRow.expires_at > now, UserRow.enabled, UserRow.deleted_at.is_(None)
                )
            )
        ).one_or_none()
    if found is None:
        return nobody
    user_id, role, seen = found
    if now - seen > SEEN_STEP:
        async with ctx.db.write_tx() as write:
            await write.session.execute(update(SessionRow).where(SessionRow.id == digest).values(last_seen_at=now))
    return msgspec.structs.replace(nobody, id=user_id, role=role, user_id=user_id, session=digest)


def require_own_origin(connection: ASGIConnection[Any, Any, Any, Any], ctx: Context, *, needed: bool) -> None:
    """A change that a browser makes must come from a page of this host (Origin, RFC 6454). Raises Forbidden."""
    if str(connection.scope.get("method")) in _SAFE:
        return
    origin = connection.headers.get("origin")
    if origin is None and not needed:
        return
    own = {text.lower() for text in (public_origin(connection), ctx.settings.base_url) if text is not None}
    if origin is None or origin.lower() not in own:
        raise Forbidden("with a session cookie, a change needs an Origin header of this host")


async def enter_page_account(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller, ctx: Context) -> Caller:
    """For pages: the account named in the address, else the one chosen in this browser, else the personal one.

    A choice that is no longer the caller's is forgotten rather than refused.
    """
    named = connection.query_params.get("account_id")
    chosen = connection.cookies.get(ACCOUNT_COOKIE)
    if named is None and chosen is not None:
        try:
            return await enter_account(caller, ctx, chosen)
        except NotFound:
            named = None
    return await enter_account(caller, ctx, named)


async def enter_account(caller: Caller, ctx: Context, wanted: str | None) -> Caller:
    """The caller within an account: the one named by `?account_id=`, else the user's personal one.

    Raises BadRequest `account_required` when there is no default, NotFound for an account that is not the caller's.
    """
    if wanted is None and caller.user_id is None:
        raise BadRequest(
            "an operator's token has no account of its own: name one with ?account_id=", code="account_required"
        )
    async with ctx.db.read_tx() as tx:
        if wanted is not None and caller.role in ("operator", "auditor"):
            known = await tx.session.scalar(
                select(AccountRow.id).where(AccountRow.id == wanted, AccountRow.deleted_at.is_(None))
            )
            role: AccountRole = "owner" if caller.role == "operator" else "viewer"
            if known is not None:
                return msgspec.structs.replace(caller, account_id=wanted, account_role=role)
        membership = select(MembershipRow).join(AccountRow, AccountRow.id == MembershipRow.account_id)
        membership = membership.where(MembershipRow.user_id == caller.user_id, AccountRow.deleted_at.is_(None))
        chosen = MembershipRow.account_id == wanted if wanted is not None else MembershipRow.personal
        row = await tx.session.scalar(membership.where(chosen))
    if row is None:
        raise NotFound("there is no such account, or you do not belong to it")
    return msgspec.structs.replace(caller, account_id=row.account_id, account_role=row.role)
