"""From a template and its values to a response: one language, strict headers, packed.

Templates are found as `<page folder>/<name>.html` and `components/<name>.html`. An undefined name in a template is an
error, never an empty place; everything is escaped unless it is Markup made by us.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from heroicons.jinja import heroicon_micro, heroicon_mini
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response

from tollway import __version__
from tollway.portal.frame import assets, navigation
from tollway.portal.frame.translate import LANGUAGES, words
from tollway.portal.frame.viewer import Viewer

_PORTAL: Final = Path(__file__).parent.parent
_PACK_LEVEL: Final = 5
_PACK_BYTES_MIN: Final = 1_024
# What a Location may hold as it is (RFC 3986, 2.2); all else is escaped, because a header is ASCII.
_URL_CHARS: Final = ":/?#[]@!$&'()*+,;=%"
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # A page may carry a secret in its address (the set-up link): the referrer never leaves this host.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@cache
def environment(language: str) -> Environment:
    """Templates in one language. Made once per language."""
    env = Environment(
        loader=FileSystemLoader(_PORTAL),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    spoken = words(language)
    env.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        words=spoken,
        LANGUAGES=LANGUAGES,
        version=__version__,
        asset=assets.asset_url,
        # An icon is parsed and written anew at each call; only templates name them, so there are few.
        icon=cache(heroicon_mini),
        icon_small=cache(heroicon_micro),
    )
    env.filters.update(
        money=spoken.money,
        money_short=spoken.money_short,
        number=spoken.number,
        percent=spoken.percent,
        time=spoken.time,
        ago=spoken.ago,
        day=spoken.day,
    )
    return env


def render_text(template: str, viewer: Viewer, **values: Any) -> str:
    """A part of a page, as HTML."""
    return environment(viewer.language).get_template(template).render(viewer=viewer, **values)


def render(
    request: Request[Any, Any, Any],
    viewer: Viewer,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Response[bytes]:
    """A whole page. The template extends `frame/templates/frame.html`."""
    body = render_text(template, viewer, menu=navigation.menu(viewer), **values).encode()
    more = HEADERS | {"vary": "accept-encoding, accept-language, cookie", "content-language": viewer.language}
    more |= headers or {}
    if len(body) >= _PACK_BYTES_MIN and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, _PACK_LEVEL, mtime=0)
        more["content-encoding"] = "gzip"
    response = Response(body, status_code=status, media_type="text/html", headers=more)
    for cookie in viewer.cookies:
        response.set_cookie(cookie)
    return response


def see_other(viewer: Viewer, location: str) -> Response[bytes]:
    """303 after a form that did its work (RFC 9110, 15.4.4). `location` is a path of ours, never what a form said."""
    headers = HEADERS | {"location": quote(location, safe=_URL_CHARS)}
    response: Response[bytes] = Response(b"", status_code=303, headers=headers)
    for cookie in viewer.cookies:
        response.set_cookie(cookie)
    return response
