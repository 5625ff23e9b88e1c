"""People as an operator's commands reach them: straight on the database, for the beginning and for a lost password.

Whoever may read the data folder may do this; the audit log names the command line as the actor.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from tollway.cli.database import open_database
from tollway.db import Database, migrate
from tollway.errors import NotFound
from tollway.http.callers import Caller
from tollway.http.request import invalid_from
from tollway.settings import Settings
from tollway.users import own_password, service
from tollway.users.passwords import Password, hash_password
from tollway.users.schemas import UserCreate

Body = TypeVar("Body")
CALLER: Final = Caller(id="command-line", role="operator")


class _NewPassword(msgspec.Struct):
    password: Password


async def create_user(settings: Settings, email: str, name: str, role: str, password: str) -> dict[str, Any]:
    """Make a user with a personal account. Raises Invalid, AlreadyExists."""
    wish = _checked({"email": email, "name": name, "role": role, "password": password}, UserCreate)
    password_hash = await hash_password(password)
    database = await _ready(settings)
    try:
        async with database.write_tx() as tx:
            view = await service.create(tx, CALLER, wish, password_hash)
    finally:
        await database.close()
    return {"id": view.id, "email": view.email, "role": view.role, "account_id": view.account_id}


async def reset_password(settings: Settings, email: str, password: str) -> dict[str, Any]:
    """Set a user's password and end the user's sessions. Raises Invalid, NotFound."""
    _checked({"password": password}, _NewPassword)
    password_hash = await hash_password(password)
    database = await _ready(settings)
    try:
        async with database.write_tx() as tx:
            user_id = await service.id_of(tx, email)
            if user_id is None:
                raise NotFound(f"there is no user with the e-mail {email}")
            await own_password.store(tx, CALLER, user_id, password_hash)
            row = await service.require(tx, user_id)
    finally:
        await database.close()
    return {"id": row.id, "email": row.email, "role": row.role, "enabled": row.enabled}


async def _ready(settings: Settings) -> Database:
    database = open_database(settings)
    try:
        await migrate(database.engine)
    except BaseException:
        await database.close()
        raise
    return database


def _checked(values: dict[str, str], kind: type[Body]) -> Body:
    """Raises Invalid naming the field, as the API does."""
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as exc:
        raise invalid_from(exc) from exc
