"""Stylesheet and scripts: read once, named by the hash of them all, kept by browsers for a year.

One hash for the whole set, in the path: modules import one another by relative names, and a changed one gives all of
them a new address. The stylesheet is one file, made of the parts in a fixed order, so that it costs one request.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from tollway.errors import NotFound

_PORTAL: Final = Path(__file__).parent.parent
_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_YEAR: Final = "public, max-age=31536000, immutable"
STYLESHEET: Final = "portal.css"


class Asset(msgspec.Struct, frozen=True):
    """One file, ready to send."""

    media_type: str
    body: bytes
    packed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Name → asset. Raises nothing that a request could cause: the files are part of the package."""
    found = {path.name: path.read_bytes() for path in sorted((_PORTAL / "assets").iterdir()) if path.suffix in _KINDS}
    parts = [path for name, path in _styles() if name]
    found[STYLESHEET] = b"\n".join(path.read_bytes() for path in parts)
    return {name: Asset(_KINDS[Path(name).suffix], body, gzip.compress(body, mtime=0)) for name, body in found.items()}


def _styles() -> list[tuple[str, Path]]:
    """Tokens and base first, then the components, then what single pages add."""
    base = [_PORTAL / "components" / f"{name}.css" for name in ("tokens", "base")]
    rest = [path for path in sorted((_PORTAL / "components").glob("*.css")) if path not in base]
    pages = sorted(path for path in _PORTAL.glob("*/*.css") if path.parent.name != "components")
    return [(path.name, path) for path in [*base, *rest, *pages]]


@cache
def fingerprint() -> str:
    """Changes when any asset does."""
    total = hashlib.sha256()
    for name, asset in sorted(assets().items()):
        total.update(name.encode() + b"\0" + asset.body + b"\0")
    return total.hexdigest()[:12]


def asset_url(name: str) -> str:
    """The address of one asset. Raises KeyError for a name that is not one: a mistake in a template."""
    if name not in assets():
        raise KeyError(name)
    return f"/assets/{fingerprint()}/{name}"


@get("/assets/{version:str}/{name:str}", include_in_schema=False)
async def send_asset(request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """The file; an old version's address gives the current file, uncached, rather than a broken page."""
    asset = assets().get(name)
    if asset is None:
        raise NotFound("there is no such file")
    packs = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "cache-control": _YEAR if version == fingerprint() else "no-cache",
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }
    if packs:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packs else asset.body, media_type=asset.media_type, headers=headers)
