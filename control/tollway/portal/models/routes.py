"""`/models` and `/models/<name>`, public: a visitor sees what the group `default` may call, at its price.

The live state is filled in by assets/live.js from `GET /api/status`; until then, and where that says nothing of a
model, it is unknown.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from tollway.http.access import Access
from tollway.http.deps import Ctx, Paging
from tollway.models import browse
from tollway.portal.components.live import live_words
from tollway.portal.docs import snippets
from tollway.portal.frame.forms import Form
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking
from tollway.portal.models.prices import KIND_NAMES, MODALITY_NAMES, factor, glance, table

PAGE_MAX: Final = 50
# Which block of the documentation a model of a kind is called by; other kinds have no snippet there yet.
_BLOCKS: Final = {"chat": "chat-completions", "embedding": "embeddings", "image": "images"}
_LANGUAGES: Final = ("curl", "python")


@get("/models")
async def show_models(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """The list. An unknown `kind` is no filter."""
    kind = request.query_params.get("kind") or None
    kind = kind if kind in browse.KINDS else None
    q = (page.q or "").strip() or None
    page = msgspec.structs.replace(page, q=q, limit=min(page.limit, PAGE_MAX))
    async with ctx.db.read_tx() as tx:
        found = await browse.browse(tx, viewer.account_id, page, kind)
        kinds = await browse.kinds_within_reach(tx, viewer.account_id)
    return render(
        request,
        viewer,
        "models/list.html",
        form=Form(),
        models=[(view, glance(view)) for view in found.data],
        next_cursor=found.next_cursor,
        q=q or "",
        kind=kind or "",
        kinds=kinds,
        kind_names=KIND_NAMES,
        modality_names=MODALITY_NAMES,
        live=live_words(viewer.words),
    )


@get("/models/{name:path}")
async def show_model(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """One model. 404 also for a model that is out of the viewer's reach."""
    async with ctx.db.read_tx() as tx:
        details = await browse.look_up(tx, viewer.account_id, name.removeprefix("/"))
    view = details.view
    block = _BLOCKS.get(view.kind)
    languages = [language for language in snippets.LANGUAGES if language.key in _LANGUAGES] if block else []
    shown = [
        (
            language,
            snippets.file_name(block, language),
            snippets.shown(block, language, viewer.base_url, view.name, view.kind),
        )
        for language in languages
        if block
    ]
    return render(
        request,
        viewer,
        "models/model.html",
        model=view,
        limits=details.limits,
        prices=table(view),
        factor=factor(view.price_multiplier, viewer.words),
        snippets=shown,
        tab_names=[(language.key, language.label) for language in languages],
        kind_names=KIND_NAMES,
        modality_names=MODALITY_NAMES,
        live=live_words(viewer.words),
    )


HANDLERS: Final = (show_models, show_model)
ACCESS: Final = {("GET", "/models"): Access.VISITOR, ("GET", "/models/{name}"): Access.VISITOR}
