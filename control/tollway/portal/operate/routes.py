"""The operators' routes, together. Who may: auditors look, operators change."""

from __future__ import annotations

from typing import Final

from tollway.http.access import Access
from tollway.portal.operate.accounts import routes as accounts
from tollway.portal.operate.audit import routes as audit
from tollway.portal.operate.groups import routes as groups
from tollway.portal.operate.models import routes as models
from tollway.portal.operate.nodes import routes as nodes
from tollway.portal.operate.upstreams import routes as upstreams

_PARTS: Final = (upstreams, models, groups, accounts, audit, nodes)

HANDLERS: Final = tuple(handler for part in _PARTS for handler in part.HANDLERS)
ACCESS: Final[dict[tuple[str, str], Access]] = {
    route: access for part in _PARTS for route, access in part.ACCESS.items()
}
