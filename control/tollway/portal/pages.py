"""Which pages there are: the routers that the app serves, and who may open each route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from tollway.http.access import Access
from tollway.portal.components import routes as components
from tollway.portal.docs import errors_routes as docs_errors
from tollway.portal.docs import routes as docs
from tollway.portal.frame.assets import send_asset
from tollway.portal.keys import routes as keys
from tollway.portal.models import routes as models
from tollway.portal.operate import routes as operate
from tollway.portal.playground import routes as playground
from tollway.portal.profile import routes as profile
from tollway.portal.sign import routes as sign
from tollway.portal.status import routes as status
from tollway.portal.usage import routes as usage
from tollway.portal.wallet import routes as wallet

_PARTS: Final = (components, docs, docs_errors, keys, models, operate, playground, profile, sign, status, usage, wallet)

ROUTERS: Final[tuple[ControllerRouterHandler, ...]] = (
    send_asset,
    *(Router("/", route_handlers=part.HANDLERS, include_in_schema=False) for part in _PARTS),
)
ACCESS: Final[Mapping[tuple[str, str], Access]] = {
    ("GET", "/assets/{version}/{name}"): Access.PAGE,
    **{route: access for part in _PARTS for route, access in part.ACCESS.items()},
}
