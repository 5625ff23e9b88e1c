"""Changing one's own password: whoever holds a stolen session still needs the password, and loses all once it changes.

Checking and hashing take long and are done outside a transaction; the row's version says whether it is still the same
password that was checked.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection

from tollway.audit import trail
from tollway.db.engine import WriteTx
from tollway.errors import Invalid, StaleVersion
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.users import service, sessions
from tollway.users.attempts import Attempts
from tollway.users.passwords import hash_password, verify_password
from tollway.users.schemas import PasswordChange


async def change(
    ctx: Context,
    caller: Caller,
    attempts: Attempts,
    wish: PasswordChange,
    connection: ASGIConnection[Any, Any, Any, Any],
) -> str:
    """Ends all sessions of the user and begins a new one for this browser; returns its cookie's value.

    Raises Invalid naming `current` or `new`, RateLimited after too many wrong tries (those at sign-in count too).
    """
    async with ctx.db.read_tx() as tx:
        user = await service.require(tx, caller.id)
    attempts.take(user.email, caller.address)
    if not await verify_password(user.password_hash, wish.current):
        raise Invalid("current", "is not your password")
    attempts.forgive(user.email, caller.address)
    if wish.new == wish.current:
        raise Invalid("new", "must differ from the password you have now")
    password_hash = await hash_password(wish.new)
    async with ctx.db.write_tx() as write:
        await store(write, caller, user.id, password_hash, former_hash=user.password_hash)
        return await sessions.begin(write, connection, user.id, caller)


async def store(
    tx: WriteTx, caller: Caller, user_id: str, password_hash: str, *, former_hash: str | None = None
) -> None:
    """Set a password and end all sessions. `former_hash`: the one that was checked. Raises StaleVersion."""
    row = await service.require(tx, user_id)
    if former_hash is not None and row.password_hash != former_hash:
        raise StaleVersion("the password was changed at the same moment; sign in with the new one")
    row.password_hash = password_hash
    await tx.flush()
    await sessions.end_all(tx, user_id)
    await trail.record(tx, caller, "user.password", user_id)
