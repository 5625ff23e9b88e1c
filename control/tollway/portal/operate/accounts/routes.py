"""`/operate/accounts`: list and search, new team account, new user. One account's page is in `account.py`."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post

from tollway.accounts import service
from tollway.accounts.schemas import AccountCreate
from tollway.errors import TollwayError
from tollway.groups import service as groups
from tollway.http.access import Access
from tollway.http.context import Context
from tollway.http.deps import Asking, Ctx, Paging
from tollway.portal.frame.done import went_well
from tollway.portal.frame.forms import Form, read_form, to_body
from tollway.portal.frame.render import render
from tollway.portal.frame.translate import LANGUAGES, N_
from tollway.portal.frame.viewer import Looking, Viewer
from tollway.portal.operate.accounts.account import LIST, address, change_account, show_account
from tollway.portal.operate.common import notice, one_of, refused
from tollway.users import service as users
from tollway.users.passwords import hash_password
from tollway.users.schemas import UserCreate

ROLES: Final = (
    ("user", N_("User: calls models and pays")),
    ("auditor", N_("Auditor: sees everything, changes nothing")),
    ("operator", N_("Operator: may do everything")),
)
_ACCOUNT_FIELDS: Final = one_of(("name", "group"))
_USER_FIELDS: Final = one_of(("email", "name", "password", "role", "language"))


@get(LIST)
async def list_accounts(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking, page: Paging) -> Response[bytes]:
    """Newest first."""
    async with ctx.db.read_tx() as tx:
        found = await service.list_page(tx, page)
    return render(request, viewer, "operate/accounts/list.html", page=found, q=page.q, notice=notice(viewer))


@get(f"{LIST}/new")
async def new_account(request: Request[Any, Any, Any], ctx: Ctx, viewer: Looking) -> Response[bytes]:
    """An empty form for a team's account."""
    return await _account_page(request, ctx, viewer, Form())


@post(f"{LIST}/new")
async def create_account(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """303 to the account."""
    form = await read_form(request, viewer)
    try:
        values = {"name": form.value("name").strip(), "group": form.text("group"), "kind": "team"}
        wish = to_body(values, AccountCreate)
        async with ctx.db.write_tx() as tx:
            view = await service.create(tx, caller, wish)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=_ACCOUNT_FIELDS)
        return await _account_page(request, ctx, viewer, form, exc.status)
    return went_well(viewer, address(view.id), "created", tx.generation)


async def _account_page(
    request: Request[Any, Any, Any], ctx: Context, viewer: Viewer, form: Form, status: int = 200
) -> Response[bytes]:
    async with ctx.db.read_tx() as tx:
        known = await groups.names(tx)
    return render(request, viewer, "operate/accounts/new.html", status=status, form=form, groups=known)


@get(f"{LIST}/new-user")
async def new_user(request: Request[Any, Any, Any], viewer: Looking) -> Response[bytes]:
    """An empty form for a person."""
    return _user_page(request, viewer, Form())


@post(f"{LIST}/new-user")
async def create_user(request: Request[Any, Any, Any], ctx: Ctx, caller: Asking, viewer: Looking) -> Response[bytes]:
    """303 to the personal account."""
    form = await read_form(request, viewer)
    try:
        values = {name: form.value(name).strip() for name in ("email", "name", "role", "language")}
        wish = to_body(values | {"password": form.value("password")}, UserCreate)
        # Hashing takes long, so it comes before the transaction.
        password_hash = await hash_password(wish.password) if wish.password else None
        async with ctx.db.write_tx() as tx:
            view = await users.create(tx, caller, wish, password_hash)
    except TollwayError as exc:
        form = refused(form, exc, viewer.words, shows=_USER_FIELDS, name="email")
        return _user_page(request, viewer, form, exc.status)
    return went_well(viewer, address(str(view.account_id)), "user-created", tx.generation)


def _user_page(request: Request[Any, Any, Any], viewer: Viewer, form: Form, status: int = 200) -> Response[bytes]:
    return render(
        request,
        viewer,
        "operate/accounts/new_user.html",
        status=status,
        form=form,
        roles=ROLES,
        languages=list(LANGUAGES.items()),
    )


HANDLERS: Final = (
    list_accounts,
    new_account,
    create_account,
    new_user,
    create_user,
    show_account,
    change_account,
)
ACCESS: Final = {
    ("GET", LIST): Access.AUDITOR,
    ("GET", f"{LIST}/new"): Access.OPERATOR,
    ("POST", f"{LIST}/new"): Access.OPERATOR,
    ("GET", f"{LIST}/new-user"): Access.OPERATOR,
    ("POST", f"{LIST}/new-user"): Access.OPERATOR,
    ("GET", f"{LIST}/{{account_id}}"): Access.AUDITOR,
    ("POST", f"{LIST}/{{account_id}}"): Access.OPERATOR,
}
