"""What a client can get wrong, byte by byte, to the real product: exact status and code, nothing charged, nobody hurt.

Decides that the whole table runs against one account whose wallet is untouched at the end, and that after each case a
good request on a connection of its own is answered: the process and its neighbours go on.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Tenant
from tests.support.load import Connection, chat_request
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

_BODY_BYTES_MAX = 20 * 1024 * 1024
_UPSTREAM_MODEL = "script:bytes=12,prompt=3"
_GOOD = '{"model":"bad-input","messages":[{"role":"user","content":"x"}]}'


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer on a connection; `more` is what came behind it."""

    status: int
    head: str
    body: Any
    more: bytes


def _read(connection: socket.socket) -> bytes:
    """All until the server closes."""
    data = b""
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def _parse(data: bytes) -> Answer:
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), data[:200]
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    body = json.loads(rest[:length]) if length else None
    return Answer(int(head[9:12]), head.decode("latin-1").lower(), body, rest[length:])


def _send(port: int, raw: bytes, *, half_close: bool = True) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(raw)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent: the answer is there all the same
        return _read(connection)


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Iterator[Tenant]:
    made = stack.api.tenant("5.00")
    stack.api.model("bad-input", _UPSTREAM_MODEL)
    stack.api.model("gratis", "script:bytes=4", prices=None)
    yield made
    wallet = stack.api.wallet(made.account)
    assert (wallet.available, wallet.held, wallet.spent) == (Decimal("5.00"), Decimal(0), Decimal(0))
    assert stack.simulator.log(_UPSTREAM_MODEL) == []


def _request(
    body: str | bytes = _GOOD,
    *,
    key: str | None = "KEY",
    method: str = "POST",
    path: str = "/v1/chat/completions",
    kind: str | None = "application/json",
    lines: str = "",
    length: str | None = None,
) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    head = f"{method} {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n"
    head += f"authorization: Bearer {key}\r\n" if key else ""
    head += f"content-type: {kind}\r\n" if kind else ""
    head += f"content-length: {len(data) if length is None else length}\r\n"
    return (head + lines + "\r\n").encode("latin-1") + data


_MESSAGES = '"messages":[{"role":"user","content":"x"}]'
_BODIES: list[tuple[str, str | bytes, str, str | None]] = [
    # name, body, code, the field that is named
    ("empty", "", "invalid_json", None),
    ("cut off", '{"model":"bad-input","mess', "invalid_json", None),
    ("trailing comma", f'{{"model":"bad-input",{_MESSAGES},}}', "invalid_json", None),
    ("not an object", "[1]", "invalid_json", None),
    ("two values", _GOOD + _GOOD, "invalid_json", None),
    ("too deep", f'{{"model":"bad-input","messages":{"[" * 200}{"]" * 200}}}', "invalid_json", None),
    ("bad UTF-8", _GOOD.encode().replace(b'"x"', b'"\xff\xfe"'), "invalid_json", None),
    ("model missing", f"{{{_MESSAGES}}}", "invalid_request", "model"),
    ("model of a wrong type", f'{{"model":7,{_MESSAGES}}}', "invalid_request", "model"),
    ("model null", f'{{"model":null,{_MESSAGES}}}', "invalid_request", "model"),
    ("model twice", f'{{"model":"bad-input","model":"bad-input",{_MESSAGES}}}', "invalid_request", "model"),
    ("model escaped", f'{{"model":"bad-input","m\\u006fdel":"other",{_MESSAGES}}}', "invalid_request", "model"),
    ("messages missing", '{"model":"bad-input"}', "invalid_request", "messages"),
    ("messages of a wrong type", '{"model":"bad-input","messages":"x"}', "invalid_request", "messages"),
    ("stream of a wrong type", f'{{"model":"bad-input","stream":1,{_MESSAGES}}}', "invalid_request", "stream"),
    ("max_tokens negative", f'{{"model":"bad-input","max_tokens":-4,{_MESSAGES}}}', "invalid_request", "max_tokens"),
]
_CALLS: list[tuple[str, bytes, int, str]] = [
    ("no key", _request(key=None), 401, "invalid_api_key"),
    ("wrong key", _request(key="sk-tw-nobody"), 401, "invalid_api_key"),
    ("wrong key, broken body", _request("{{{", key="sk-tw-nobody"), 401, "invalid_api_key"),
    ("unknown path", _request(path="/v1/nothing"), 404, "not_found"),
    ("unknown path, no key", _request(path="/v1/nothing", key=None), 404, "not_found"),
    ("inner path", _request(path="/internal/node/lease"), 404, "not_found"),
    ("inner path, disguised", _request(path="/internal//node/../node/lease"), 404, "not_found"),
    ("wrong method", _request("", method="GET"), 405, "method_not_allowed"),
    ("wrong method without a key", _request("", method="DELETE", key=None), 405, "method_not_allowed"),
    ("wrong content type", _request(kind="text/plain"), 415, "unsupported_media_type"),
    ("compressed", _request(lines="content-encoding: gzip\r\n"), 415, "unsupported_encoding"),
    ("unknown model", _request(_GOOD.replace("bad-input", "no-such")), 404, "model_not_found"),
    ("wrong endpoint", _request(path="/v1/embeddings"), 400, "invalid_request"),
    ("body too large by its word", _request(length=str(_BODY_BYTES_MAX + 1)), 413, "request_too_large"),
    ("huge head", _request(lines="x-pad: " + "a" * 20_000 + "\r\n"), 431, "head_too_large"),
    ("absurdly many headers", _request(lines="".join(f"x-{n}: y\r\n" for n in range(1_000))), 431, "head_too_large"),
    ("both lengths", _request(lines="transfer-encoding: chunked\r\n"), 400, "invalid_request"),
    ("two lengths", _request(lines="content-length: 5\r\n"), 400, "invalid_request"),
    ("length no number", _request(length="+65"), 400, "invalid_request"),
    (
        "unknown coding",
        _request(length="0").replace(b"content-length: 0", b"transfer-encoding: br"),
        400,
        "invalid_request",
    ),
    (
        "bad chunk",
        _request(b"zz\r\n").replace(b"content-length: 4", b"transfer-encoding: chunked"),
        400,
        "invalid_request",
    ),
    ("folded header", _request(lines="x-a: b\r\n c: d\r\n"), 400, "invalid_request"),
    ("space before colon", _request(lines="x-a : b\r\n"), 400, "invalid_request"),
    ("bare line feeds", _request().replace(b"\r\n", b"\n"), 400, "invalid_request"),
    ("NUL in a header", _request(lines="x-a: \x00\r\n"), 400, "invalid_request"),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n", 400, "invalid_request"),
    ("old HTTP", _request().replace(b"HTTP/1.1", b"HTTP/3.7"), 505, "http_version_not_supported"),
]


def _check(stack: Stack, tenant: Tenant, raw: bytes, status: int, code: str) -> Answer:
    answer = _parse(_send(stack.port, raw.replace(b"Bearer KEY", f"Bearer {tenant.key}".encode())))
    assert (answer.status, answer.body["error"]["code"]) == (status, code), answer
    assert answer.body["error"]["message"]
    assert answer.more == b""
    assert "\r\nx-request-id: req_" in answer.head
    assert ("\r\nx-should-retry: false" in answer.head) == (status in {400, 401, 404, 405, 413, 415, 431, 505})
    neighbour = Connection(stack.port)
    assert neighbour.ask(chat_request(tenant.key, "gratis")) == 200
    neighbour.close()
    return answer


@pytest.mark.parametrize(("body", "code", "field"), [case[1:] for case in _BODIES], ids=[case[0] for case in _BODIES])
def test_a_bad_body_is_named(stack: Stack, tenant: Tenant, body: str | bytes, code: str, field: str | None) -> None:
    answer = _check(stack, tenant, _request(body), 400, code)
    assert answer.body["error"]["param"] == field


@pytest.mark.parametrize(("raw", "status", "code"), [case[1:] for case in _CALLS], ids=[case[0] for case in _CALLS])
def test_a_bad_call_is_refused(stack: Stack, tenant: Tenant, raw: bytes, status: int, code: str) -> None:
    answer = _check(stack, tenant, raw, status, code)
    assert ("\r\nallow: " in answer.head) == (status == 405)


def test_a_truncated_body_is_answered_by_nobody_and_costs_nothing(stack: Stack, tenant: Tenant) -> None:
    raw = _request(length="5000").replace(b"Bearer KEY", f"Bearer {tenant.key}".encode())
    data = _send(stack.port, raw)
    assert data == b"" or _parse(data).status == 400


def test_a_body_of_one_byte_too_many_is_413_and_the_largest_passes(stack: Stack, tenant: Tenant) -> None:
    good = _GOOD.replace("bad-input", "gratis")
    largest = good[:-1] + " " * (_BODY_BYTES_MAX - len(good)) + "}"
    assert _send_whole(stack, tenant, largest) == (200, None)
    assert _send_whole(stack, tenant, largest[:-1] + " }") == (413, "request_too_large")


def _send_whole(stack: Stack, tenant: Tenant, body: str) -> tuple[int, str | None]:
    raw = _request(body).replace(b"Bearer KEY", f"Bearer {tenant.key}".encode())
    answer = _parse(_send(stack.port, raw, half_close=False))
    return answer.status, answer.body.get("error", {}).get("code")


def test_pipelined_requests_are_answered_in_order(stack: Stack, tenant: Tenant) -> None:
    """A refusal in between, whose body was read, does not part what comes behind it from its answer."""
    good = chat_request(tenant.key, "gratis")
    bad = chat_request(tenant.key, "no-such")
    last = good.replace(b"host: gateway", b"host: gateway\r\nconnection: close")
    rest, statuses = _send(stack.port, good + bad + good + last, half_close=False), []
    while rest:
        answer = _parse(rest)
        statuses.append(answer.status)
        rest = answer.more
    assert statuses == [200, 404, 200, 200]


def test_bytes_behind_a_refused_head_are_never_a_request(stack: Stack, tenant: Tenant) -> None:
    """Request smuggling: after a head that cannot be framed nothing that follows is read as a request."""
    raw = _request(lines="transfer-encoding: chunked\r\n").replace(b"connection: close\r\n", b"")
    hidden = chat_request(tenant.key, "bad-input")
    answer = _parse(_send(stack.port, raw.replace(b"KEY", tenant.key.encode()) + hidden))
    assert (answer.status, answer.more) == (400, b"")
