"""Money moves once per idempotency key, whoever asks: the API with its header, the portal with its form."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response

from tollway.db.engine import Database
from tollway.errors import AlreadyExists
from tollway.http import idempotency
from tollway.http.callers import Caller
from tollway.http.changes import GENERATION_HEADER, current_generation
from tollway.wallets import service
from tollway.wallets.schemas import CreditWish

# A second try is enough: after a collision the first answer is there to be read.
_TRIES = 2


async def credit_once(
    db: Database, caller: Caller, account_id: str, wish: CreditWish, tried: idempotency.Attempt
) -> Response[Any]:
    """201 with the CreditView, or the first answer again (`idempotency.REPLAY_HEADER`) without moving anything.

    Raises NotFound, Invalid, InsufficientBalance, Conflict `idempotency_conflict`.
    """
    async with db.read_tx() as tx:
        former = await idempotency.replay(tx, tried)
    if former is not None:
        return former
    await service.make_room(db, account_id, wish)
    for last in range(_TRIES):
        try:
            return await _credit(db, caller, account_id, wish, tried)
        except AlreadyExists:
            # Two with one key at once: the other one's answer is committed now.
            if last == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _credit(
    db: Database, caller: Caller, account_id: str, wish: CreditWish, tried: idempotency.Attempt
) -> Response[Any]:
    async with db.write_tx() as tx:
        former = await idempotency.replay(tx, tried)
        if former is not None:
            return former
        generation = await current_generation(tx)
        view = await service.credit(tx, caller, account_id, wish)
        body = msgspec.json.encode(view)
        await idempotency.remember(tx, tried, 201, body)
    headers = {GENERATION_HEADER: str(tx.generation if tx.generation is not None else generation)}
    return Response(body, status_code=201, media_type="application/json", headers=headers)
