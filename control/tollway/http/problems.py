"""Every error as `application/problem+json` (RFC 9457), in one place.

What a caller sent wrong names its field; what is ours says so and shows nothing of its inside. An exception that is not
listed here is a defect: it is logged with its trace and answered 500 `internal`.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap

from tollway.errors import BadRequest, FieldError, Invalid, NotFound, Problem, TollwayError, TooLarge, Unauthorized
from tollway.http.request import request_id

PROBLEM_JSON = "application/problem+json"
HTTP_413 = 413
HTTP_500 = 500

_log = logging.getLogger("tollway.control")


class MethodNotAllowed(TollwayError):
    """The path exists, the method does not; the answer's `allow` header names those that do."""

    code, status, title, fault = "method_not_allowed", 405, "Method not allowed", "client"


class PageMaker(Protocol):
    """Answers a person with a page, or says that this path is a program's (None)."""

    def __call__(
        self, request: Request[Any, Any, Any], error: TollwayError, headers: dict[str, str] | None
    ) -> Response[Any] | None: ...


def answer(
    request: Request[Any, Any, Any], error: TollwayError, headers: dict[str, str] | None = None
) -> Response[Any]:
    """The response for one error: a page where the app has pages, else a problem document."""
    make_page: PageMaker | None = request.app.state.get("error_page")
    if make_page is not None:
        try:
            page = make_page(request, error, headers)
        except Exception:  # noqa: BLE001  (whatever a page stumbles over, its reader gets the plain problem)
            _log.exception("%s %s: the page for %s failed", request.method, request.url.path, error.own_code)
            page = None
        if page is not None:
            return page
    extra = dict(headers or {})
    if error.retry_after_s is not None:
        extra["retry-after"] = str(error.retry_after_s)
    if isinstance(error, Unauthorized):
        extra["www-authenticate"] = "Bearer"
    problem: Problem = error.problem(request_id(request))
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status,
        media_type=PROBLEM_JSON,
        headers=extra | {"cache-control": "no-store"},
    )


def _on_tollway_error(request: Request[Any, Any, Any], exc: TollwayError) -> Response[Any]:
    if exc.fault == "us":
        _log.warning("%s %s: %s: %s", request.method, request.url.path, exc.own_code, exc.message)
    return answer(request, exc)


def _on_validation(request: Request[Any, Any, Any], exc: ValidationException) -> Response[Any]:
    """Litestar's own validation covers query and path parameters; bodies are decoded strictly in `request.py`."""
    found = exc.extra if isinstance(exc.extra, list) else []
    errors = tuple(
        FieldError(str(item.get("key", "")), str(item.get("message", "is not valid")))
        for item in found
        if isinstance(item, dict)
    )
    if not errors or errors[0].field == "data":
        return answer(request, BadRequest("a JSON object is needed as the body"))
    return answer(request, Invalid(errors[0].field, errors[0].message, errors=errors))


def _on_http_exception(request: Request[Any, Any, Any], exc: HTTPException) -> Response[Any]:
    if isinstance(exc, NotFoundException):
        return answer(request, NotFound("there is nothing at this path; GET /api/docs lists what there is"))
    if isinstance(exc, MethodNotAllowedException):
        named = (exc.headers or {}).get("allow", "").split(", ")
        allow = ", ".join(method for method in named if method != "OPTIONS")
        return answer(request, MethodNotAllowed(f"this path takes: {allow}"), {"allow": allow})
    if exc.status_code == HTTP_413:
        return answer(request, TooLarge("the body is larger than this API takes"))
    if isinstance(exc, ClientException):
        return answer(request, BadRequest(exc.detail or "the request makes no sense"))
    return _on_defect(request, exc)


def _on_defect(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
    return answer(request, TollwayError("something went wrong on our side; it has been logged under this request id"))


def problem_handlers() -> ExceptionHandlersMap:
    """For `Litestar(exception_handlers=…)`."""
    return {
        TollwayError: _on_tollway_error,
        ValidationException: _on_validation,
        HTTPException: _on_http_exception,
        Exception: _on_defect,
    }


HTML = MediaType.HTML
