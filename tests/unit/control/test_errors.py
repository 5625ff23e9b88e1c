"""Errors: every code once, with its status; the body is RFC 9457."""

from __future__ import annotations

import msgspec
import pytest

from tollway import errors

pytestmark = pytest.mark.unit

CONTRACT = {
    "bad_request": 400, "unauthorized": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "already_exists": 409,
    "insufficient_balance": 409, "stale_version": 412, "request_too_large": 413, "validation_failed": 422,
    "rate_limited": 429, "unavailable": 503, "internal": 500,
}  # fmt: skip


def _family(kind: type[errors.TollwayError]) -> list[type[errors.TollwayError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _family(child))]


def test_codes_and_statuses_are_the_contracts() -> None:
    mine = [kind for kind in _family(errors.TollwayError) if kind.__module__ == errors.__name__]
    assert {kind.code: kind.status for kind in mine} == CONTRACT
    assert len(mine) == len(CONTRACT)
    assert all(kind.fault == "client" for kind in mine if kind.status < 500)


def test_a_refused_field_is_named_in_the_body() -> None:
    body = msgspec.to_builtins(errors.Invalid("limits.rpm", "must be at least 1").problem("req_1"))
    assert body == {
        "type": "/problems/validation_failed",
        "title": "Validation failed",
        "status": 422,
        "code": "validation_failed",
        "detail": "limits.rpm: must be at least 1",
        "errors": ({"field": "limits.rpm", "message": "must be at least 1"},),
        "request_id": "req_1",
    }


def test_a_finer_code_keeps_the_status() -> None:
    problem = errors.Conflict("used", code="code_used").problem()
    assert (problem.code, problem.status) == ("code_used", 409)
