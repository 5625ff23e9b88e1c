"""`/docs`, and `/` which is the same page."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get

from tollway.http.access import Access
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking


@get(["/", "/docs"])
async def show_docs(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """The documentation."""
    return render(request, viewer, "docs/page.html")


HANDLERS: Final = (show_docs,)
ACCESS: Final = {("GET", "/"): Access.VISITOR, ("GET", "/docs"): Access.VISITOR}
