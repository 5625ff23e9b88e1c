"""`/playground`: the page; assets/playground.js runs the calls, with a key of the session that is never shown."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get

from tollway.http.access import Access
from tollway.http.deps import Ctx
from tollway.models.offered import offered
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking
from tollway.portal.playground.words import play_words

# A conversation is sent whole with each message; so many messages are a conversation, more are a mistake.
MESSAGES_MAX: Final = 100
TEXT_CHARS_MAX: Final = 100_000
TEMPERATURE_MAX: Final = 2
TOKENS_MAX: Final = 1_000_000


@get("/playground")
async def show_playground(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """With `?model=` chosen, when the account may call it; else the first."""
    async with ctx.db.read_tx() as tx:
        models = [model.name for model in await offered(tx, viewer.account_id) if model.kind == "chat"]
    wish = request.query_params.get("model", "")
    return render(
        request,
        viewer,
        "playground/page.html",
        models=models,
        chosen=wish if wish in models else next(iter(models), ""),
        missing=wish if wish and wish not in models else "",
        words_of_play=play_words(viewer.words),
        messages_max=MESSAGES_MAX,
        text_chars_max=TEXT_CHARS_MAX,
        temperature_max=TEMPERATURE_MAX,
        tokens_max=TOKENS_MAX,
    )


HANDLERS: Final = (show_playground,)
ACCESS: Final = {("GET", "/playground"): Access.VIEWER}
