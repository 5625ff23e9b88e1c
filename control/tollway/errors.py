"""What can go wrong for a caller of the control plane, as one small family of exceptions.

Every error has a stable `code` (the contract's, also the metric label), an HTTP `status`, whose `fault` it is and
whether to `retry`. Services raise them; the HTTP composition turns them into `application/problem+json` (RFC 9457) in
one place. An error that is not a `TollwayError` is a defect of ours: 500 `internal`, its text never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

Fault = Literal["client", "upstream", "us"]


class FieldError(msgspec.Struct, frozen=True):
    """One field that was refused. `field` is the JSON path as the caller wrote it, e.g. `limits.rpm` or
    `routes[0].upstream`.
    """

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 body, plus the stable `code`, the refused fields and the request's id."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None


class TollwayError(Exception):
    """Base of all errors a caller may see. `message` is for people and says what to do; programs read `code`."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    fault: ClassVar[Fault] = "us"
    retry: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.own_code = code or self.code
        self.retry_after_s = retry_after_s

    def problem(self, request_id: str | None = None) -> Problem:
        """The answer's body. `type` is a relative reference, so that no host of ours is named."""
        return Problem(
            type=f"/problems/{self.own_code}",
            title=self.title,
            status=self.status,
            code=self.own_code,
            detail=self.message,
            errors=self.errors,
            request_id=request_id,
        )


class BadRequest(TollwayError):
    """The request as a whole makes no sense: `idempotency_key_required`, `account_required`, malformed JSON."""

    code, status, title, fault = "bad_request", 400, "Bad request", "client"


class Unauthorized(TollwayError):
    """Nobody, or nobody we know."""

    code, status, title, fault = "unauthorized", 401, "Not signed in", "client"


class Forbidden(TollwayError):
    """Known, but may not."""

    code, status, title, fault = "forbidden", 403, "Not allowed", "client"


class NotFound(TollwayError):
    """No such thing, or none this caller may know of: the two look alike on purpose."""

    code, status, title, fault = "not_found", 404, "Not found", "client"


class Conflict(TollwayError):
    """The state forbids it. Codes: `conflict`, `idempotency_conflict`, `code_used`."""

    code, status, title, fault = "conflict", 409, "Conflict", "client"


class AlreadyExists(Conflict):
    """The name or id is taken."""

    code, title = "already_exists", "Already exists"


class InsufficientBalance(Conflict):
    """The wallet has less available than would be taken; nothing moved."""

    code, title = "insufficient_balance", "Insufficient balance"


class StaleVersion(TollwayError):
    """`If-Match` names a version that is no longer the current one: read again, then write."""

    code, status, title, fault = "stale_version", 412, "Stale version", "client"


class TooLarge(TollwayError):
    """A body beyond its bound."""

    code, status, title, fault = "request_too_large", 413, "Request too large", "client"


class Invalid(TollwayError):
    """A field was refused. `Invalid("limits.rpm", "must be at least 1")`; more than one through `errors=`."""

    code, status, title, fault = "validation_failed", 422, "Validation failed", "client"

    def __init__(self, field: str, message: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(f"{field}: {message}" if field else message, errors=errors or (FieldError(field, message),))


class RateLimited(TollwayError):
    """Too many tries; `retry_after_s` says when to come back."""

    code, status, title, fault, retry = "rate_limited", 429, "Too many requests", "client", True


class Unavailable(TollwayError):
    """We cannot answer now (database locked or gone). Nothing was changed; retry."""

    code, status, title, fault, retry = "unavailable", 503, "Temporarily unavailable", "us", True


class SettingsError(Exception):
    """A setting is wrong. Raised before anything starts; names the setting and what to write instead."""
