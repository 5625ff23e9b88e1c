"""`/operate/groups`: list, one form for new and existing, delete with the typed name."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath

from tollway.errors import TollwayError
from tollway.groups import service
from tollway.groups.schemas import GroupCreate, GroupPatch, GroupView
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging
from tollway.portal.frame.done import went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.common import confirmed, notice, one_of, refused, removal, version_of

LIST: Final = "/operate/groups"
_FIELDS: Final = one_of(("name", "description", "price_multiplier", "models", "limits.rpm"))


def _edit(name: str) -> str:
    return f"{LIST}/edit/{quote(name)}"


def _values(form: Form) -> dict[str, Any]:
    return {
        "description": form.text("description"),
        "price_multiplier": form.value("price_multiplier").strip(),
        "models": form.lines("models") or [""],  # an empty list would let nobody call anything: refused as required
        "limits": {"rpm": form.whole("limits.rpm")},
    }


@get(LIST)
async def list_groups(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """By name."""
    async with ctx.db.read_tx() as tx:
        found = await service.list_page(tx, page)
    return render(request, viewer, "operate/groups/list.html", page=found, q=page.q, notice=notice(viewer))


@get(f"{LIST}/new")
async def new_group(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """An empty form."""
    return _new_page(request, viewer, Form())


@post(f"{LIST}/new")
async def create_group(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """303 to the new group."""
    form = await read_form(request, viewer)
    try:
        wish = to_body({"name": form.value("name").strip()} | _values(form), GroupCreate)
        async with ctx.db.write_tx() as tx:
            await service.create(tx, caller, wish)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=_FIELDS)
        return _new_page(request, viewer, form, status=exc.status)
    return went_well(viewer, _edit(wish.name), "created", tx.generation)


@get(f"{LIST}/edit/{{name:str}}")
async def show_group(
    request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """The group's form."""
    return await _edit_page(request, ctx, viewer, name)


@post(f"{LIST}/edit/{{name:str}}")
async def change_group(
    request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking, name: FromPath[str]
) -> Response[bytes]:
    """Save or delete; 303."""
    form = await read_form(request, viewer)
    deletes = form.value("do") == "delete"
    try:
        async with ctx.db.write_tx() as tx:
            if deletes:
                confirmed(form, name)
                await service.delete(tx, caller, name, version_of(form))
            else:
                await service.change(tx, caller, name, to_body(_values(form), GroupPatch), version_of(form))
    except TollwayError as exc:
        if deletes:
            form = removal(form, exc, viewer.words)
            return await _edit_page(request, ctx, viewer, name, removing=form, status=exc.status)
        form = refused(form, exc, viewer.words, shows=_FIELDS)
        return await _edit_page(request, ctx, viewer, name, form=form, status=exc.status)
    if deletes:
        return went_well(viewer, LIST, "deleted", tx.generation)
    return went_well(viewer, _edit(name), "saved", tx.generation)


def _new_page(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(request, viewer, "operate/groups/edit.html", status=status, form=form, group=None, notice="")


async def _edit_page(
    request: Request[Any, Any, Any],
    ctx: Context,
    viewer: Viewer,
    name: str,
    *,
    form: Form | None = None,
    removing: Form | None = None,
    status: int = 200,
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        group = GroupView.of(await service.require(tx, name))
    return render(
        request,
        viewer,
        "operate/groups/edit.html",
        status=status,
        form=form or Form(),
        removing=removing or Form(),
        group=group,
        stays=name == service.DEFAULT_GROUP,
        notice=notice(viewer),
    )


HANDLERS: Final = (list_groups, new_group, create_group, show_group, change_group)
ACCESS: Final = {
    ("GET", LIST): Access.AUDITOR,
    ("GET", f"{LIST}/new"): Access.OPERATOR,
    ("POST", f"{LIST}/new"): Access.OPERATOR,
    ("GET", f"{LIST}/edit/{{name}}"): Access.AUDITOR,
    ("POST", f"{LIST}/edit/{{name}}"): Access.OPERATOR,
}
