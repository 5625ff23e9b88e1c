"""What every change has in common: If-Match in, `x-tollway-generation` out."""

from __future__ import annotations

import re
from typing import Annotated, Any, Protocol, TypeVar

from litestar import Response
from litestar.params import HeaderParameter
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import RevisionRow
from tollway.errors import BadRequest, StaleVersion

Body = TypeVar("Body")
GENERATION_HEADER = "x-tollway-generation"

_VERSION = re.compile(r'^(?:W/)?"?(\d{1,18})"?$')


class VersionedRow(Protocol):
    """Any table row with a version (db.tables.base.Versioned)."""

    version: Any


async def provide_if_match(
    if_match: Annotated[
        str | None, HeaderParameter(name="If-Match", max_length=64, description='version, `"3"` or `3`')
    ] = None,
) -> int | None:
    """Dependency `expected`: the version the caller has seen; None when it does not say (or says `*`)."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _VERSION.match(if_match.strip())
    if match is None:
        raise BadRequest('If-Match takes a version: "3" or 3')
    return int(match.group(1))


def require_version(row: VersionedRow, expected: int | None) -> None:
    """Raises StaleVersion when the caller has seen another version than the current one."""
    if expected is not None and row.version != expected:
        raise StaleVersion(f"the current version is {row.version}; read it again, then write")


async def current_generation(tx: ReadTx) -> int:
    """For changes that the core need not learn of: the generation that is current anyway."""
    return await tx.session.scalar(select(RevisionRow.generation)) or 0


def changed(
    body: Body, generation: int | None, status: int = 200, headers: dict[str, str] | None = None
) -> Response[Body]:
    """The answer to a change. `generation` is the one it made (None: it changed nothing of the snapshot)."""
    extra = dict(headers or {})
    if generation is not None:
        extra[GENERATION_HEADER] = str(generation)
    return Response(body, status_code=status, headers=extra)
