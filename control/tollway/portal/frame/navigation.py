"""The sidebar: what there is, for this viewer, and where he is."""

from __future__ import annotations

from typing import Final

import msgspec

from tollway.portal.frame.translate import N_
from tollway.portal.frame.viewer import Viewer


class Place(msgspec.Struct, frozen=True):
    """One link. `label` is a message; `icon` a heroicon."""

    path: str
    label: str
    icon: str


class Menu(msgspec.Struct):
    """One group of links, with the path of the current one."""

    title: str
    places: tuple[Place, ...]
    current: str | None


_BUILD: Final = (
    Place("/docs", N_("Documentation"), "book-open"),
    Place("/playground", N_("Playground"), "chat-bubble-left-right"),
    Place("/models", N_("Models"), "cube"),
)
_USE: Final = (
    Place("/keys", N_("API keys"), "key"),
    Place("/usage", N_("Usage"), "chart-bar"),
    Place("/wallet", N_("Wallet"), "wallet"),
)
_STATUS: Final = (Place("/status", N_("Status"), "signal"),)
_OPERATE: Final = (
    Place("/operate/upstreams", N_("Upstreams"), "server-stack"),
    Place("/operate/models", N_("Models and prices"), "tag"),
    Place("/operate/groups", N_("Groups"), "rectangle-group"),
    Place("/operate/accounts", N_("Accounts"), "users"),
    Place("/operate/codes", N_("Codes"), "ticket"),
    Place("/operate/audit", N_("Audit"), "clipboard-document-list"),
    Place("/operate/nodes", N_("Nodes"), "cpu-chip"),
    Place("/operate/settings", N_("Settings"), "cog-6-tooth"),
)


def menu(viewer: Viewer) -> list[Menu]:
    """The groups this viewer sees. Without a sign-in: what is public."""
    signed_in = viewer.user is not None
    groups: list[tuple[str, tuple[Place, ...]]] = [(N_("Build"), _BUILD if signed_in else (_BUILD[0], _BUILD[2]))]
    groups.append((N_("Use"), _USE + _STATUS) if signed_in else (N_("Watch"), _STATUS))
    if viewer.sees_operation:
        groups.append((N_("Operate"), _OPERATE))
    return [Menu(title, places, _current(viewer.path, places)) for title, places in groups]


def _current(path: str, places: tuple[Place, ...]) -> str | None:
    if path == "/":
        path = "/docs"
    return next((place.path for place in places if path == place.path or path.startswith(f"{place.path}/")), None)
