"""`POST /internal/node/…`: msgpack in and out, behind the installation's node token.

The public listener forwards nothing here; the token is a second wall. It is compared in constant time and before the
body is read. `NodeDesk` is put into the app's state as `node_desk` by the composition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response, Router, post

from tollway.crypto import constant_time_equal
from tollway.db.engine import Database
from tollway.errors import Invalid, Unauthorized
from tollway.nodes import service
from tollway.nodes.schemas import Hello, LeaseWish, Report
from tollway.snapshot import Publisher

# 1,024 rows of at most 2 KiB, and room for what is held and returned.
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
MSGPACK: Final = "application/msgpack"
TOKEN_HEADER: Final = "x-tollway-node-token"  # noqa: S105  (a header's name)

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]


@dataclass(slots=True)
class NodeDesk:
    """What the inner endpoints work with."""

    db: Database
    publisher: Publisher
    node_token: str


async def _said(request: AnyRequest, kind: type[T]) -> tuple[NodeDesk, T]:
    desk: NodeDesk = request.app.state.node_desk
    if not constant_time_equal(request.headers.get(TOKEN_HEADER, ""), desk.node_token):
        raise Unauthorized("the node token is missing or another installation's")
    try:
        return desk, msgspec.msgpack.decode(await request.body(), type=kind)
    except msgspec.ValidationError as exc:
        raise Invalid("body", str(exc)) from exc
    except msgspec.DecodeError as exc:
        raise Invalid("body", "is not msgpack") from exc


def _answer(body: msgspec.Struct) -> Response[bytes]:
    return Response(msgspec.msgpack.encode(body), media_type=MSGPACK, status_code=200)


@post("/hello", status_code=200)
async def say_hello(request: AnyRequest) -> Response[bytes]:
    """A node lives. One that is behind is pushed to at once."""
    desk, said = await _said(request, Hello)
    answer = await service.hello(desk.db, said)
    if said.generation != answer.generation:
        desk.publisher.wake()
    return _answer(answer)


@post("/lease", status_code=200)
async def ask_lease(request: AnyRequest) -> Response[bytes]:
    """A slice of a wallet."""
    desk, wish = await _said(request, LeaseWish)
    return _answer(await service.lease(desk.db, wish))


@post("/report", status_code=200)
async def take_report(request: AnyRequest) -> Response[bytes]:
    """Finished requests, holds, returns."""
    desk, said = await _said(request, Report)
    return _answer(await service.report(desk.db, said))


router = Router(
    "/internal/node",
    route_handlers=[say_hello, ask_lease, take_report],
    include_in_schema=False,
    request_max_body_size=BODY_BYTES_MAX,
)
