"""Who may call what: one table, route × access, from which each request is decided and the tests are generated.

A route that is not in the table is refused as if it did not exist, and the app does not start when table and routes
disagree. Finer rules within a route (a member changes only the keys he made) are in the services.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from tollway.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tollway.http.callers import (
    ROLE_RANK,
    Caller,
    anonymous,
    enter_account,
    enter_page_account,
    identify,
    require_own_origin,
)
from tollway.http.context import context_of


class Access(Enum):
    """Who may. Each admits what it says and nobody else."""

    PAGE = "anyone, also while the database is away"
    ANYONE = "anyone"
    VISITOR = "anyone; who is signed in is known"
    SIGNED_IN = "a user, or the operator's token"
    PERSON = "a user; a token is nobody in particular"
    VIEWER = "a member of the account, any role"
    MEMBER = "a member of the account with role member, admin or owner"
    MEMBER_IN_PERSON = "as before, but a user: a token is nobody in particular"
    AUDITOR = "an auditor or operator"
    OPERATOR = "an operator"
    NODE = "a gateway node; its routes check the node token themselves"


_IN_ACCOUNT: Final = frozenset({Access.VIEWER, Access.MEMBER, Access.MEMBER_IN_PERSON})


def _resource(path: str, item: str, *, delete: bool) -> dict[tuple[str, str], Access]:
    rows = {
        ("GET", path): Access.AUDITOR,
        ("POST", path): Access.OPERATOR,
        ("GET", item): Access.AUDITOR,
        ("PATCH", item): Access.OPERATOR,
    }
    return rows | ({("DELETE", item): Access.OPERATOR} if delete else {})


TABLE: Final[Mapping[tuple[str, str], Access]] = {
    ("GET", "/api/docs"): Access.PAGE,
    ("GET", "/api/openapi.json"): Access.PAGE,
    ("GET", "/api/status/history"): Access.ANYONE,
    ("POST", "/api/setup"): Access.ANYONE,
    ("POST", "/api/session"): Access.ANYONE,
    ("DELETE", "/api/session"): Access.PERSON,
    ("POST", "/api/session/key"): Access.MEMBER_IN_PERSON,
    ("POST", "/api/sign-up"): Access.ANYONE,
    ("GET", "/api/me"): Access.SIGNED_IN,
    ("PATCH", "/api/me"): Access.PERSON,
    ("POST", "/api/me/password"): Access.PERSON,
    ("GET", "/api/me/sessions"): Access.PERSON,
    ("DELETE", "/api/me/sessions"): Access.PERSON,
    ("DELETE", "/api/me/sessions/{session_id}"): Access.PERSON,
    ("GET", "/api/keys"): Access.VIEWER,
    ("POST", "/api/keys"): Access.MEMBER,
    ("GET", "/api/keys/{key_id}"): Access.VIEWER,
    ("PATCH", "/api/keys/{key_id}"): Access.MEMBER,
    ("DELETE", "/api/keys/{key_id}"): Access.MEMBER,
    ("POST", "/api/keys/{key_id}/rotate"): Access.MEMBER,
    ("GET", "/api/models"): Access.VIEWER,
    ("GET", "/api/models/{name}"): Access.VIEWER,
    ("GET", "/api/wallet"): Access.VIEWER,
    ("GET", "/api/wallet/entries"): Access.VIEWER,
    ("POST", "/api/wallet/redeem"): Access.MEMBER,
    ("GET", "/api/usage"): Access.VIEWER,
    ("GET", "/api/usage/summary"): Access.VIEWER,
    ("GET", "/api/usage/latency"): Access.VIEWER,
    ("GET", "/api/usage.csv"): Access.VIEWER,
    ("GET", "/api/usage/{request_id}"): Access.VIEWER,
    **_resource("/api/admin/accounts", "/api/admin/accounts/{account_id}", delete=False),
    ("POST", "/api/admin/accounts/{account_id}/credits"): Access.OPERATOR,
    **_resource("/api/admin/keys", "/api/admin/keys/{key_id}", delete=True),
    ("POST", "/api/admin/keys/{key_id}/rotate"): Access.OPERATOR,
    **_resource("/api/admin/groups", "/api/admin/groups/{name}", delete=True),
    **_resource("/api/admin/models", "/api/admin/models/{name}", delete=True),
    **_resource("/api/admin/upstreams", "/api/admin/upstreams/{name}", delete=True),
    ("POST", "/api/admin/upstreams/{name}/test"): Access.OPERATOR,
    ("POST", "/api/admin/upstreams/{name}/discover"): Access.OPERATOR,
    **_resource("/api/admin/users", "/api/admin/users/{user_id}", delete=False),
    ("GET", "/api/admin/invites"): Access.AUDITOR,
    ("POST", "/api/admin/invites"): Access.OPERATOR,
    ("DELETE", "/api/admin/invites/{invite_id}"): Access.OPERATOR,
    ("GET", "/api/admin/settings"): Access.AUDITOR,
    ("PATCH", "/api/admin/settings"): Access.OPERATOR,
    ("GET", "/api/admin/redemption-codes"): Access.AUDITOR,
    ("POST", "/api/admin/redemption-codes"): Access.OPERATOR,
    ("DELETE", "/api/admin/redemption-codes/{code_id}"): Access.OPERATOR,
    ("GET", "/api/admin/ledger"): Access.AUDITOR,
    ("GET", "/api/admin/usage"): Access.AUDITOR,
    ("GET", "/api/admin/usage/summary"): Access.AUDITOR,
    ("GET", "/api/admin/nodes"): Access.AUDITOR,
    ("GET", "/api/admin/audit"): Access.AUDITOR,
    ("POST", "/internal/node/hello"): Access.NODE,
    ("POST", "/internal/node/lease"): Access.NODE,
    ("POST", "/internal/node/report"): Access.NODE,
}


async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Litestar guard of the whole app: decides, and leaves the caller in the request's state."""
    method = str(connection.scope.get("method", ""))
    access = table_of(connection).get((method, str(connection.scope.get("path_template", ""))))
    if access is None:
        raise NotFound("there is nothing at this path; GET /api/docs lists what there is")
    if "\x00" in connection.scope["path"] or b"%00" in connection.scope["query_string"]:
        raise BadRequest("a path or query cannot contain NUL")
    if access is Access.PAGE:
        return
    ctx = context_of(connection)
    ctx.require_ready()
    if access is Access.NODE:
        return
    if access is Access.ANYONE:
        require_own_origin(connection, ctx, needed=False)
        caller = anonymous(connection)
    else:
        if access is Access.VISITOR:
            require_own_origin(connection, ctx, needed=True)
        caller = require(access, await identify(connection, ctx))
    if not connection.scope["path"].startswith("/api/"):
        if caller.user_id is not None:
            caller = await enter_page_account(connection, caller, ctx)
    elif access in _IN_ACCOUNT:
        caller = await enter_account(caller, ctx, connection.query_params.get("account_id"))
    if access in _IN_ACCOUNT:
        require_account_role(access, caller)
    connection.scope["state"]["caller"] = caller


def table_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Mapping[tuple[str, str], Access]:
    """The API's table and the pages', as the app was composed."""
    table: Mapping[tuple[str, str], Access] = connection.app.state.access
    return table


def require(access: Access, caller: Caller) -> Caller:
    """The role's half of the decision. Raises Unauthorized for nobody, Forbidden for somebody else."""
    if access in (Access.ANYONE, Access.VISITOR):
        return caller
    if caller.role == "nobody":
        raise Unauthorized("sign in, or send a management token")
    if access is Access.OPERATOR and caller.role != "operator":
        raise Forbidden("only an operator may do this")
    if access is Access.AUDITOR and caller.role not in ("operator", "auditor"):
        raise Forbidden("only an operator or auditor may see this")
    if access in (Access.PERSON, Access.MEMBER_IN_PERSON) and caller.user_id is None:
        raise Forbidden("a token is not a person; sign in as a user")
    return caller


def require_account_role(access: Access, caller: Caller) -> None:
    """The account's half of the decision. Raises Forbidden."""
    least = "viewer" if access is Access.VIEWER else "member"
    if caller.account_role is None or ROLE_RANK[caller.account_role] < ROLE_RANK[least]:
        raise Forbidden(f"this needs the role {least} in the account")


async def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """Dependency `caller`: whom the guard let in."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def check_table(
    table: Mapping[tuple[str, str], Access], routes: Iterable[tuple[str, str]], ignored_prefix: str
) -> None:
    """Table and app must name the same routes. Raises RuntimeError naming the difference."""
    served = {route for route in routes if not route[1].startswith(ignored_prefix)}
    missing, dead = served - table.keys(), table.keys() - served
    if missing or dead:
        raise RuntimeError(f"access table and routes differ: not listed {sorted(missing)}, not served {sorted(dead)}")
