"""The set-up link: how the first operator comes to be without any default password.

The link's token is derived from the installation's key, so it is the same at every start until it is used, and no file
holds it; the table knows its digest. Using it makes the operator and spends the link in one transaction.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from sqlalchemy import select, update

from tollway.crypto import Vault, load_vault
from tollway.db.engine import Database, ReadTx, WriteTx
from tollway.db.tables import SetupRow, UserRow
from tollway.errors import NotFound, TollwayError
from tollway.http.callers import Caller
from tollway.settings import Settings
from tollway.users import service
from tollway.users.passwords import hash_password
from tollway.users.schemas import SetupWish, UserCreate, UserView

_LABEL: Final = "setup-link"


class SetupDone(TollwayError):
    """The link was used; there is an operator."""

    code, status, title, fault = "setup_done", 410, "Already set up", "client"


_DONE: Final = "this set-up link has been used and there is an operator; sign in"


async def ensure_setup_link(db: Database, settings: Settings) -> str | None:
    """The link to print at the start, or None when there is an operator already or a token in the environment.

    The database must have been migrated. Called again it gives the same link until it is used.
    """
    if settings.admin_token:
        return None
    token = setup_token(load_vault(settings.secret_key, settings.data_path))
    async with db.write_tx() as tx:
        if await _has_operator(tx):
            return None
        row = await tx.session.get(SetupRow, 1)
        if row is None:
            tx.add(SetupRow(id=1, digest=_digest(token)))
        elif row.digest != _digest(token) or row.used_at is not None:
            # Another installation key than before, or the operator it made is gone: this link counts now.
            row.digest, row.used_at, row.created_at = _digest(token), None, tx.now
    return f"{settings.base_url}/setup?token={token}"


def setup_token(vault: Vault) -> str:
    """43 characters, 256 bits, from the installation's key."""
    return base64.urlsafe_b64encode(vault.derive(_LABEL)).decode().rstrip("=")


async def require_open(tx: ReadTx, token: str) -> None:
    """Raises NotFound for a token that was never ours, SetupDone for one that was used."""
    row = await tx.session.get(SetupRow, 1)
    if row is None or row.digest != _digest(token):
        raise NotFound("this set-up link is not valid; the first start of tollway serve prints the valid one")
    if row.used_at is not None or await _has_operator(tx):
        raise SetupDone(_DONE)


async def set_up(db: Database, caller: Caller, wish: SetupWish) -> UserView:
    """Make the first operator, the password's hash outside any transaction. Raises as `create_operator`."""
    async with db.read_tx() as tx:
        await require_open(tx, wish.token)  # before the costly hash: a wrong token buys no work of ours
    password_hash = await hash_password(wish.password)
    async with db.write_tx() as write:
        return await create_operator(write, caller, wish, password_hash)


async def create_operator(tx: WriteTx, caller: Caller, wish: SetupWish, password_hash: str) -> UserView:
    """Spend the link and make the operator. Raises as `require_open`, and AlreadyExists for the e-mail."""
    await require_open(tx, wish.token)
    # Two who use the link at once: the row lets one through.
    spent = await tx.session.execute(
        update(SetupRow)
        .where(SetupRow.id == 1, SetupRow.used_at.is_(None))
        .values(used_at=tx.now)
        .returning(SetupRow.id)
    )
    if spent.one_or_none() is None:
        raise SetupDone(_DONE)
    user = UserCreate(wish.email, wish.name, role="operator", language=wish.language)
    return await service.create(tx, caller, user, password_hash)


async def _has_operator(tx: ReadTx) -> bool:
    wanted = select(UserRow.id).where(UserRow.role == "operator", UserRow.deleted_at.is_(None)).limit(1)
    return await tx.session.scalar(wanted) is not None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
