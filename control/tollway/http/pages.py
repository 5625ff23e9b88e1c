"""The few pages this process answers itself: plain HTML, no script, no style, nothing from another host.

A page may carry a secret in its address (the set-up link), so the referrer never leaves this host.
"""

from __future__ import annotations

from html import escape
from typing import Final

from litestar import MediaType, Response

PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def page(title: str, body: str, status: int = 200) -> Response[str]:
    """A page. `title` is escaped here; `body` is HTML, its texts escaped by who made it."""
    html = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
    return Response(html, media_type=MediaType.HTML, status_code=status, headers=PAGE_HEADERS)
