"""Signing up: a person makes a user for himself, as far as the operator allows it (preferences: `sign_up`).

Whether an e-mail is taken is said plainly, because nobody can sign up otherwise; the limit per address keeps it from
being asked for many. User, account, wallet, invite and session are one transaction: all of them or none.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.connection import ASGIConnection

from tollway.errors import Forbidden
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.preferences import service as preferences
from tollway.preferences.schemas import SignUpMode
from tollway.users import invites, service, sessions
from tollway.users.attempts import Attempts
from tollway.users.passwords import hash_password
from tollway.users.schemas import SignUp, UserCreate, UserView


class SignUpClosed(Forbidden):
    """The operator makes users here; nobody makes one for himself."""

    code, title = "sign_up_closed", "Sign-up is closed"


class SignedUp(msgspec.Struct):
    """A new user who is signed in: `cookie` is the session's value, `generation` what the gateways must know."""

    user: UserView
    cookie: str
    generation: int | None


def require_open(mode: SignUpMode) -> None:
    """Raises SignUpClosed."""
    if mode == "closed":
        raise SignUpClosed("sign-up is closed here; ask the operator of this gateway to make a user for you")


async def sign_up(
    ctx: Context, caller: Caller, attempts: Attempts, wish: SignUp, connection: ASGIConnection[Any, Any, Any, Any]
) -> SignedUp:
    """Make the user and begin a session. Raises SignUpClosed, RateLimited, Invalid(invite), AlreadyExists."""
    async with ctx.db.read_tx() as tx:
        mode = (await preferences.read(tx)).sign_up
        require_open(mode)
        attempts.take_sign_up(caller.address)
        if mode == "invite":
            await invites.require_good(tx, ctx.vault, wish.invite)  # before the costly hash
    password_hash = await hash_password(wish.password)
    async with ctx.db.write_tx() as write:
        mode = (await preferences.read(write)).sign_up
        require_open(mode)
        invite_id = await invites.spend(write, ctx.vault, wish.invite) if mode == "invite" else None
        made = UserCreate(wish.email, wish.name, language=wish.language)
        user = await service.create(write, caller, made, password_hash)
        if invite_id is not None:
            await invites.note_user(write, invite_id, user.id)
        cookie = await sessions.begin(write, connection, user.id, msgspec.structs.replace(caller, id=user.id))
    return SignedUp(user, cookie, write.generation)
