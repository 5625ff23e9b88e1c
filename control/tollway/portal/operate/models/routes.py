"""`/operate/models`: list with prices, one form for new and existing, delete with the typed name."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.errors import TollwayError
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging
from tollway.models import service
from tollway.models.schemas import ModelCreate, ModelPatch, ModelView
from tollway.portal.frame.done import went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.common import confirmed, notice, refused, removal, version_of
from tollway.portal.operate.models import form as forms
from tollway.upstreams import service as upstreams

LIST: Final = "/operate/models"


def _edit(name: str) -> str:
    # A model's name may have slashes and is the rest of the path.
    return f"{LIST}/edit/{quote(name)}"


@get(LIST)
async def list_models(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """By name."""
    async with ctx.db.read_tx() as tx:
        found = await service.list_page(tx, page)
    return render(
        request,
        viewer,
        "operate/models/list.html",
        page=found,
        q=page.q,
        kinds=dict(forms.KINDS),
        prices=forms.PRICES,
        notice=notice(viewer),
    )


@get(f"{LIST}/new")
async def new_model(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """An empty form for a model of `?kind=`, or one that begins with a name an upstream has (`?name=&upstream=`)."""
    query = request.query_params
    form = forms.begun(query.get("name", ""), query.get("upstream", ""), query.get("kind", ""))
    return await _page(request, ctx, viewer, None, form=form)


@post(f"{LIST}/new")
async def create_model(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """303 to the new model."""
    form = await read_form(request, viewer)
    if form.value("do") == "add-rows":
        return await _page(request, ctx, viewer, None, form=form)
    try:
        wish = to_body({"name": form.value("name").strip()} | forms.values(form), ModelCreate)
        async with ctx.db.write_tx() as tx:
            await service.create(tx, caller, wish)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=forms.FIELDS, shown=forms.shown(form))
        return await _page(request, ctx, viewer, None, form=form, status=exc.status)
    return went_well(viewer, _edit(wish.name), "created", tx.generation)


@get(f"{LIST}/edit/{{name:path}}")
async def show_model(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """The model's form."""
    return await _page(request, ctx, viewer, name.removeprefix("/"))


@post(f"{LIST}/edit/{{name:path}}")
async def change_model(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """Save, delete, or show more rows; 303 for the first two."""
    name = name.removeprefix("/")
    form = await read_form(request, viewer)
    if form.value("do") == "add-rows":
        return await _page(request, ctx, viewer, name, form=form)
    deletes = form.value("do") == "delete"
    try:
        async with ctx.db.write_tx() as tx:
            if deletes:
                confirmed(form, name)
                await service.delete(tx, caller, name, version_of(form))
            else:
                await service.change(tx, caller, name, to_body(forms.values(form), ModelPatch), version_of(form))
    except TollwayError as exc:
        if deletes:
            form = removal(form, exc, viewer.words)
            return await _page(request, ctx, viewer, name, removing=form, status=exc.status)
        form = refused(form, exc, viewer.words, shows=forms.FIELDS, shown=forms.shown(form))
        return await _page(request, ctx, viewer, name, form=form, status=exc.status)
    if deletes:
        return went_well(viewer, LIST, "deleted", tx.generation)
    return went_well(viewer, _edit(name), "saved", tx.generation)


async def _page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    name: str | None,
    *,
    form: Form | None = None,
    removing: Form | None = None,
    status: int = 200,
) -> Response[bytes]:
    form = form or Form()
    model: ModelView | None = None
    async with ctx.db.read_tx() as tx:
        if name is not None:
            model = await service.view_of(tx, await service.require(tx, name))
        known = await upstreams.names(tx)
    kind = forms.kind_of(form, model, request.query_params.get("kind", ""))
    first, more = forms.split_prices(kind)
    return render(
        request,
        viewer,
        "operate/models/edit.html",
        status=status,
        form=form,
        removing=removing or Form(),
        model=model,
        kind=kind,
        kinds=forms.KINDS,
        modalities=forms.MODALITIES,
        output=forms.OUTPUT_OF.get(kind, "text"),
        prices=forms.PRICES,
        first=first,
        more=more,
        more_open=any(form.value(f"prices.{p}") or (model and p in (model.prices or {})) for p in more),
        rows=forms.rows(form, model),
        upstreams=known,
        notice=notice(viewer),
    )


HANDLERS: Final = (list_models, new_model, create_model, show_model, change_model)
ACCESS: Final = {
    ("GET", LIST): Access.AUDITOR,
    ("GET", f"{LIST}/new"): Access.OPERATOR,
    ("POST", f"{LIST}/new"): Access.OPERATOR,
    ("GET", f"{LIST}/edit/{{name}}"): Access.AUDITOR,
    ("POST", f"{LIST}/edit/{{name}}"): Access.OPERATOR,
}
