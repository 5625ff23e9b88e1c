"""Errors as pages, in the frame: what happened, what to do, and the request's id.

Nobody where somebody is needed is sent to sign in and comes back to where he wanted to go.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response

from tollway.errors import TollwayError, Unauthorized
from tollway.http.request import request_id
from tollway.portal.frame.messages import by_code, in_words
from tollway.portal.frame.render import render, see_other
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import anonymous_viewer

_TITLES: Final = {
    "bad_request": N_("This request makes no sense"),
    "unauthorized": N_("Sign in"),
    "forbidden": N_("You may not do this"),
    "stale_form": N_("This form is out of date"),
    "not_found": N_("Page not found"),
    "method_not_allowed": N_("This page takes no such request"),
    "request_too_large": N_("The form is too large"),
    "rate_limited": N_("Too many tries"),
    "unavailable": N_("The database cannot be reached"),
    "internal": N_("Something went wrong on our side"),
}
_TITLE_OTHER: Final = N_("This did not work")
_GENERIC: Final = frozenset({"not_found", "internal", "unavailable", "method_not_allowed"})


def is_page(path: str) -> bool:
    """Whether people, not programs, ask for this path."""
    return not f"{path}/".startswith(("/api/", "/internal/", "/v1/"))


def error_page(
    request: Request[Any, Any, Any], error: TollwayError, headers: dict[str, str] | None = None
) -> Response[Any] | None:
    """The page for one error, with its status; None where programs ask."""
    if not is_page(request.url.path):
        return None
    viewer = anonymous_viewer(request)
    if isinstance(error, Unauthorized):
        # What he wants back is a page. A form's own path may be none: then the front door.
        opens = ("GET", str(request.scope.get("path_template", ""))) in request.app.state.access
        wanted = (viewer.link() if request.method == "GET" else viewer.path) if opens else "/docs"
        return see_other(viewer, f"/sign-in?next={quote(wanted, safe='')}")
    code = error.own_code
    text = by_code(code, viewer.words) if code in _GENERIC else in_words(error.message, code, viewer.words)
    more = dict(headers or {})
    if error.retry_after_s is not None:
        more["retry-after"] = str(error.retry_after_s)
    return render(
        request,
        viewer,
        "frame/templates/error.html",
        status=error.status,
        headers=more,
        title=viewer.words.gettext(_TITLES.get(code, _TITLE_OTHER)),
        text=text,
        error_status=error.status,
        request_id=request_id(request),
    )
