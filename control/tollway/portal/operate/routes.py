"""The operators' routes, together. Who may: auditors look, operators change."""

from __future__ import annotations

from typing import Final

from litestar import Response, get

from tollway.http.access import Access
from tollway.portal.frame.render import see_other
from tollway.portal.frame.viewer import Looking
from tollway.portal.operate.accounts import routes as accounts
from tollway.portal.operate.audit import routes as audit
from tollway.portal.operate.codes import routes as codes
from tollway.portal.operate.groups import routes as groups
from tollway.portal.operate.models import routes as models
from tollway.portal.operate.nodes import routes as nodes
from tollway.portal.operate.settings import routes as settings
from tollway.portal.operate.upstreams import routes as upstreams

_PARTS: Final = (upstreams, models, groups, accounts, codes, audit, nodes, settings)


@get("/operate")
async def show_operate(viewer: Looking) -> Response[bytes]:
    """The first of the operators' pages: without an upstream nothing works."""
    return see_other(viewer, upstreams.LIST)


HANDLERS: Final = (show_operate, *(handler for part in _PARTS for handler in part.HANDLERS))
ACCESS: Final[dict[tuple[str, str], Access]] = {
    ("GET", "/operate"): Access.AUDITOR,
    **{route: access for part in _PARTS for route, access in part.ACCESS.items()},
}
