"""`/docs/errors`: every code, when it is sent, what to do, and the answer itself."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get

from tollway.http.access import Access
from tollway.portal.docs import errors
from tollway.portal.docs.integrations import prose
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking

_PATH: Final = "/docs/errors"
_FAULTS: Final = {"client": N_("the request"), "upstream": N_("the provider"), "gateway": N_("the gateway")}


@get(_PATH)
async def show_errors(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """All codes by status."""
    return render(
        request,
        viewer,
        "docs/errors_page.html",
        sections=errors.sections(),
        faults=_FAULTS,
        stream_example=errors.stream_example(),
        prose=lambda text: prose(viewer.words.gettext(text)),
    )


HANDLERS: Final = (show_errors,)
ACCESS: Final = {("GET", _PATH): Access.VISITOR}
