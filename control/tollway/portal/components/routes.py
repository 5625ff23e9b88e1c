"""`/_components`: every component in every state, for those who work on them. Not there unless test hooks are on."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get

from tollway.errors import NotFound
from tollway.http.access import Access
from tollway.http.deps import Ctx
from tollway.portal.components.chart import Series, bars, ranked
from tollway.portal.frame.forms import Form
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking


@get("/_components")
async def show_components(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """All components on one page."""
    if not ctx.settings.test_hooks:
        raise NotFound("there is no such page")
    wrong = Form({"name": ["ci"], "rpm": ["many"]}, {"rpm": "must be a whole number"}, "")
    many = [Series(f"sim-{n}", [n * 10, 80 - n * 9, n * n], n) for n in range(1, 9)]
    number, name = viewer.words.number, viewer.words.gettext("Status")
    chart = bars(["1", "2", "3"], ranked(many, "…"), said=number, axis=number, name=name)
    return render(request, viewer, "components/gallery.html", form=Form(), wrong=wrong, chart=chart, number=number)


HANDLERS: Final = (show_components,)
ACCESS: Final = {("GET", "/_components"): Access.VISITOR}
