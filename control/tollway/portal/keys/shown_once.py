"""The one page that shows a secret, right after it was made: with a call to try it, copy, download and a warning.

The secret is in this answer and nowhere else, so the page answers the POST itself instead of sending the browser on.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response

from tollway.http.changes import GENERATION_HEADER
from tollway.http.globs import patterns
from tollway.keys.schemas import KeyView, KeyWithSecret
from tollway.portal.docs import snippets
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Viewer
from tollway.portal.keys.form import Choices

VARIABLE: Final = "$YOUR_API_KEY"
# Which block of the documentation tries a model of this kind, and the endpoint it calls.
_BLOCKS: Final = (
    ("chat", "chat-completions", "chat"),
    ("embedding", "embeddings", "embeddings"),
    ("image", "images", "images"),
)


def first_call(viewer: Viewer, offers: Choices, key: KeyView | None = None, secret: str = VARIABLE) -> str:
    """A curl of the first model that this key (or any key of the account) may call; empty when there is none."""
    allowed = patterns(key.models) if key is not None and key.models is not None else patterns(["*"])
    for kind, block, endpoint in _BLOCKS:
        if key is not None and key.endpoints is not None and endpoint not in key.endpoints:
            continue
        for model in offers.models:
            if model.kind == kind and allowed.fullmatch(model.name):
                code = snippets.plain(block, snippets.LANGUAGES[0], viewer.base_url, model.name)
                return code.replace(VARIABLE, secret).rstrip("\n")
    return ""


def show_secret(
    request: Request[Any, Any, Any],
    viewer: Viewer,
    key: KeyWithSecret,
    offers: Choices,
    generation: int | None,
    *,
    status: int,
) -> Response[bytes]:
    """The page. It is sent once the gateways know the key, so that the call it shows works at once."""
    headers = {GENERATION_HEADER: str(generation)} if generation is not None else None
    call = first_call(viewer, offers, key, key.secret)
    return render(
        request, viewer, "keys/secret.html", status=status, headers=headers, key=key, call=call, made=status == 201
    )
