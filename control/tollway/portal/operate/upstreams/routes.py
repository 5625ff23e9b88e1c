"""`/operate/upstreams`: list, one form for new and existing, delete with the typed name, and asking the upstream."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.errors import TollwayError
from tollway.http.access import Access
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging
from tollway.portal.frame.done import went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.common import confirmed, notice, refused, removal, version_of
from tollway.portal.operate.upstreams import trying
from tollway.portal.operate.upstreams.form import FIELDS, PROVIDERS, TIMEOUTS, shown, values
from tollway.upstreams import service
from tollway.upstreams.schemas import UpstreamCreate, UpstreamPatch, UpstreamView

LIST: Final = "/operate/upstreams"
_PAGE: Final = "operate/upstreams/edit.html"
_CHOICES: Final[dict[str, Any]] = {"providers": PROVIDERS, "timeouts": TIMEOUTS}


def _edit(name: str) -> str:
    return f"{LIST}/edit/{quote(name)}"


@get(LIST)
async def list_upstreams(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """By name, with the models that route to each."""
    async with ctx.db.read_tx() as tx:
        found = await service.list_page(tx, page)
        models = await service.models_by_upstream(tx, [upstream.name for upstream in found.data])
    return render(
        request,
        viewer,
        "operate/upstreams/list.html",
        page=found,
        models=models,
        providers=dict(PROVIDERS),
        q=page.q,
        notice=notice(viewer),
    )


@get(f"{LIST}/new")
async def new_upstream(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """An empty form."""
    return _new_page(request, viewer, Form())


@post(f"{LIST}/new")
async def create_upstream(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking
) -> Response[bytes]:
    """303 to the new upstream."""
    form = await read_form(request, viewer)
    try:
        wish = to_body({"name": form.value("name").strip()} | values(form), UpstreamCreate)
        async with ctx.db.write_tx() as tx:
            await service.create(tx, caller, ctx.vault, wish)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=FIELDS, shown=shown(form))
        return _new_page(request, viewer, form, status=exc.status)
    return went_well(viewer, _edit(wish.name), "created", tx.generation)


@get(f"{LIST}/edit/{{name:str}}")
async def show_upstream(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """The upstream's form."""
    return await _edit_page(request, ctx, viewer, name)


@post(f"{LIST}/edit/{{name:str}}")
async def change_upstream(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """Save or delete; 303. Test or discover: the page again, with what came of it."""
    form = await read_form(request, viewer)
    if form.value("do") in trying.ACTS:
        return await _tried(request, ctx, caller, viewer, name, form)
    deletes = form.value("do") == "delete"
    try:
        async with ctx.db.write_tx() as tx:
            if deletes:
                confirmed(form, name)
                await service.delete(tx, caller, name, version_of(form))
            else:
                wish = to_body(values(form), UpstreamPatch)
                await service.change(tx, caller, ctx.vault, name, wish, version_of(form))
    except TollwayError as exc:
        if deletes:
            form = removal(form, exc, viewer.words)
            return await _edit_page(request, ctx, viewer, name, removing=form, status=exc.status)
        form = refused(form, exc, viewer.words, shows=FIELDS, shown=shown(form))
        return await _edit_page(request, ctx, viewer, name, form=form, status=exc.status)
    if deletes:
        return went_well(viewer, LIST, "deleted", tx.generation)
    return went_well(viewer, _edit(name), "saved", tx.generation)


async def _tried(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, viewer: Viewer, name: str, form: Form
) -> Response[bytes]:
    try:
        outcome = await trying.run(ctx, caller, name, form, viewer.words)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=FIELDS)
        return await _edit_page(request, ctx, viewer, name, form=form, status=exc.status)
    return await _edit_page(request, ctx, viewer, name, form=form, outcome=outcome)


def _new_page(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(request, viewer, _PAGE, status=status, form=form, upstream=None, outcome=None, notice="", **_CHOICES)


async def _edit_page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    name: str,
    *,
    form: Form | None = None,
    removing: Form | None = None,
    outcome: trying.Outcome | None = None,
    status: int = 200,
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        upstream: UpstreamView = await service.view_of(tx, await service.require(tx, name))
        models = (await service.models_by_upstream(tx, [name]))[name]
    return render(
        request,
        viewer,
        _PAGE,
        status=status,
        form=form or Form(),
        removing=removing or Form(),
        outcome=outcome,
        upstream=upstream,
        models=models,
        notice=notice(viewer),
        **_CHOICES,
    )


HANDLERS: Final = (list_upstreams, new_upstream, create_upstream, show_upstream, change_upstream)
ACCESS: Final = {
    ("GET", LIST): Access.AUDITOR,
    ("GET", f"{LIST}/new"): Access.OPERATOR,
    ("POST", f"{LIST}/new"): Access.OPERATOR,
    ("GET", f"{LIST}/edit/{{name}}"): Access.AUDITOR,
    ("POST", f"{LIST}/edit/{{name}}"): Access.OPERATOR,
}
