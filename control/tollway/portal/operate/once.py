"""Forms that make a secret which is shown once: sent twice, they make it once.

The answer to such a form is the page with the secret, so loading that page again sends the form again. Each form that
is drawn carries a random id, spent in the transaction that makes the thing; nothing secret is kept with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from tollway.db.engine import WriteTx
from tollway.errors import AlreadyExists, Invalid, TollwayError
from tollway.http import idempotency
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_, Words

FIELD: Final = "form_id"
_BYTES: Final = 18
_CHARS: Final = 24
_ANSWER: Final = b"{}"
_USED_UP: Final = N_(
    "This form was sent before with other values. Nothing was made now, and what you typed is still here; "
    "send it again if you want this as well."
)
Made = TypeVar("Made")


def fresh_id() -> str:
    """For a form that is drawn, also for one that was refused: then nothing was made."""
    return secrets.token_urlsafe(_BYTES)


async def make_once(
    ctx: Context,
    caller: Caller,
    path: str,
    form: Form,
    wish: msgspec.Struct,
    make: Callable[[WriteTx], Awaitable[Made]],
) -> Made | None:
    """What `make` made; None when this very form made it before. Raises what `make` raises, Invalid without an id,
    Conflict `idempotency_conflict` when the form was spent on another wish.
    """
    form_id = form.value(FIELD)
    if len(form_id) != _CHARS or not form_id.isascii() or not form_id.isprintable():
        raise Invalid(FIELD, "is required")
    tried = idempotency.attempt(caller.id, path, form_id, wish)
    try:
        async with ctx.db.write_tx() as tx:
            if await idempotency.replay(tx, tried) is not None:
                return None
            # First, so that of two at once the second waits here, and makes nothing.
            await idempotency.remember(tx, tried, 201, _ANSWER)
            return await make(tx)
    except AlreadyExists:
        return None


def used_up(form: Form, error: TollwayError, spoken: Words) -> Form | None:
    """The form with the sentence for one that was spent on other values; None for any other error."""
    if error.own_code != "idempotency_conflict":
        return None
    return Form(form.values, {}, spoken.gettext(_USED_UP))
