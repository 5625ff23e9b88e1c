"""Idempotency-Key: a repeated POST gets the first answer again and changes nothing.

The first answer is stored in the transaction that did the work, so either both are there or neither. Kept per caller
and path for two days (the contract says at least one). What failed is not stored: nothing happened, try again.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import HeaderParameter
from sqlalchemy import delete, select

from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import IdempotencyRow
from tollway.errors import BadRequest, Conflict

KEPT = timedelta(hours=48)
KEY_CHARS_MAX = 255
REPLAY_HEADER = "idempotency-replayed"

_VISIBLE = re.compile(r"^[\x20-\x7e]+$")


class Attempt(msgspec.Struct, frozen=True):
    """One POST under its key."""

    caller: str
    path: str
    key: str
    body_digest: bytes


async def provide_idempotency_key(
    given: Annotated[
        str | None, HeaderParameter(name="Idempotency-Key", description="any text of up to 255 characters; needed")
    ] = None,
) -> str:
    """Dependency `idempotency_key`. Raises BadRequest `idempotency_key_required`."""
    key = (given or "").strip()
    if not key:
        raise BadRequest(
            "this moves money: send an Idempotency-Key header, the same one when you retry",
            code="idempotency_key_required",
        )
    if len(key) > KEY_CHARS_MAX or not _VISIBLE.match(key):
        raise BadRequest(f"Idempotency-Key is at most {KEY_CHARS_MAX} printable ASCII characters")
    return key


def attempt(caller_id: str, path: str, key: str, body: msgspec.Struct) -> Attempt:
    """`body` counts as the same when it decodes to the same values, however it was written."""
    return Attempt(caller_id, path, key, hashlib.sha256(msgspec.json.encode(body, order="sorted")).digest())


async def replay(tx: ReadTx, tried: Attempt) -> Response[Any] | None:
    """The first answer, when there was one. Raises Conflict `idempotency_conflict` for another body."""
    row = await tx.session.scalar(
        select(IdempotencyRow).where(
            IdempotencyRow.caller == tried.caller, IdempotencyRow.path == tried.path, IdempotencyRow.key == tried.key
        )
    )
    if row is None:
        return None
    if row.body_digest != tried.body_digest:
        raise Conflict("this Idempotency-Key was used with another body; take a new key", code="idempotency_conflict")
    return Response(row.body, status_code=row.status, media_type="application/json", headers={REPLAY_HEADER: "true"})


async def remember(tx: WriteTx, tried: Attempt, status: int, body: bytes) -> None:
    """Store the first answer, and drop what is older than two days."""
    await tx.session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < tx.now - KEPT))
    tx.add(
        IdempotencyRow(
            caller=tried.caller, path=tried.path, key=tried.key, body_digest=tried.body_digest, status=status, body=body
        )
    )
    await tx.flush()
