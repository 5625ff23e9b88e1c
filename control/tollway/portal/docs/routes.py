"""`/docs`, and `/` which is the same page: everything from the base URL to the first streamed answer."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get

from tollway.http.access import Access, table_of
from tollway.http.context import context_of
from tollway.models.offered import offered
from tollway.portal.docs import blocks, choice, errors, health, trial
from tollway.portal.docs.integrations import integrations, prose
from tollway.portal.frame.render import HEADERS, render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking, Viewer

_PATH: Final = "/docs"
# The page that explains one request's charge; a call made here leads there.
_EXPLAINED: Final = "/usage/{request_id}"
_CONTENTS: Final = (
    ("base-url", N_("Base URL")),
    ("system-health", N_("System health")),
    ("quick-start", N_("Quick start guide")),
    *((block.id, block.title) for block in blocks.BLOCKS),
    ("errors", N_("Common errors")),
    ("integrations", N_("IDE & CLI integrations")),
    ("next-steps", N_("Next steps")),
)
"""Anchor and title of each section, in the page's order."""

_NEXT_STEPS: Final = (
    ("/keys", "key", N_("Create a key"), N_("One per app, so that you can revoke one alone.")),
    ("/models", "cube", N_("Browse models"), N_("Prices, context and live state.")),
    ("/usage", "chart-bar", N_("See usage"), N_("Each request, to the last nano-dollar.")),
    ("/wallet", "wallet", N_("Top up"), N_("Redeem a code and see your balance.")),
)
# A picture that "Try it" got is shown from the page's own memory.
_PICTURES: Final = HEADERS["content-security-policy"].replace("img-src 'self'", "img-src 'self' blob:")


@get(["/", _PATH])
async def show_docs(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """The documentation, with the models that this viewer may call."""
    async with context_of(request).db.read_tx() as tx:
        public = await offered(tx, None)
        own = await offered(tx, viewer.account_id) if viewer.account_id else public
    wishes = [value for name, value in viewer.query if name == choice.PARAMETER]
    chosen = choice.choose(own, wishes, _PATH)
    tries, served = _tries(viewer), table_of(request)
    return render(
        request,
        viewer,
        "docs/page.html",
        headers={"content-security-policy": _PICTURES} if tries else None,
        choice=chosen,
        blocks=blocks.show(viewer.language, viewer.base_url, chosen.models),
        errors=errors.common(),
        error_example=errors.example(),
        error_prose=lambda text: prose(viewer.words.gettext(text)),
        tools=integrations(viewer.language, viewer.origin, chosen.models.get("chat")),
        contents=_CONTENTS,
        next_steps=[step for step in _NEXT_STEPS if ("GET", step[0]) in served],
        health_models=[model.name for model in public[: health.ROWS_MAX]],
        health_rows_max=health.ROWS_MAX,
        health_words=health.health_words(viewer.words),
        tries=tries,
        explains=("GET", _EXPLAINED) in served,
        trial_words=trial.trial_words(viewer.words) if tries else {},
    )


def _tries(viewer: Viewer) -> bool:
    """Whether this viewer may spend the account's money from the page."""
    return viewer.user is not None and viewer.may_write


HANDLERS: Final = (show_docs,)
ACCESS: Final = {("GET", "/"): Access.VISITOR, ("GET", _PATH): Access.VISITOR}
