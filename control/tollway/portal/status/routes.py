"""`/status`, public: now (filled in by assets/live.js from `GET /api/status`), and the last 24 hours or 30 days."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from tollway.http.access import Access
from tollway.http.deps import Ctx
from tollway.portal.components.live import live_words
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Looking
from tollway.portal.models.prices import KIND_NAMES
from tollway.portal.status.bars import STATE_NAMES, history_bars
from tollway.status.history import Histories, Window

WINDOWS: Final[dict[Window, str]] = {"24h": N_("24 hours"), "30d": N_("30 days")}
_AGO: Final[dict[Window, str]] = {"24h": N_("24 hours ago"), "30d": N_("30 days ago")}
# So many rows of bars are looked through; who looks for one model searches for it.
ROWS_MAX: Final = 50
_TEXT_CHARS_MAX: Final = 200


@get("/status")
async def show_status(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, histories: NamedDependency[Histories]
) -> Response[bytes]:
    """The page. An unknown `window` is the first; `q` is looked for in the models' names."""
    window: Window = "30d" if request.query_params.get("window") == "30d" else "24h"
    q = request.query_params.get("q", "").strip()[:_TEXT_CHARS_MAX]
    found = await histories.get(ctx.db, window)
    matching = [line for line in found.models if q.lower() in line.name.lower()]
    return render(
        request,
        viewer,
        "status/page.html",
        window=window,
        windows=WINDOWS,
        ago=_AGO[window],
        gateway=found.gateway,
        models=matching[:ROWS_MAX],
        hidden=max(0, len(matching) - ROWS_MAX),
        any_model=bool(found.models),
        searchable=bool(q) or len(found.models) > ROWS_MAX,
        q=q,
        measured_at=found.measured_at,
        kind_names=KIND_NAMES,
        state_names=STATE_NAMES,
        bars=lambda name, points: history_bars(name, points, window, viewer.words),
        live=live_words(viewer.words),
    )


HANDLERS: Final = (show_status,)
ACCESS: Final = {("GET", "/status"): Access.VISITOR}
