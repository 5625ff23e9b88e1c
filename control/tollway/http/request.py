"""The request as this API reads it: bodies decoded strictly by their msgspec type, from bytes, once.

Litestar would convert JSON leniently ("5" for 5, "true" for true) and money must never come in by such a door. So the
request class decodes with the handler's own body type, and an error names the field as the caller wrote it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection

from tollway.errors import BadRequest, Invalid
from tollway.ids import new_id
from tollway.settings import Settings

BODY_BYTES_MAX = 1_048_576
REQUEST_ID_CHARS_MAX = 128

_AT = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_NAMED = re.compile(r"^Object (contains unknown|missing required) field `(.*)`$", re.DOTALL)
_VISIBLE = re.compile(r"^[\x21-\x7e]+$")


def invalid_from(exc: msgspec.ValidationError) -> Invalid:
    """msgspec's message as field and reason: ``Expected `int`, got `str` - at `$.limits.rpm` `` → `limits.rpm`."""
    text = str(exc)
    at = _AT.search(text)
    path = at.group(1) if at else ""
    message = text[: at.start()] if at else text
    named = _NAMED.match(message)
    if named:
        field = f"{path}.{named.group(2)}" if path else named.group(2)
        return Invalid(
            field, "is not a field of this object" if named.group(1).startswith("contains") else "is required"
        )
    return Invalid(path or "body", message[0].lower() + message[1:])


def decode_body(raw: bytes, kind: Any) -> Any:
    """`raw` as `kind`, nothing coerced. Raises Invalid naming the field, BadRequest when it is not JSON at all."""
    if not raw.strip():
        raise BadRequest("a JSON object is needed as the body")
    try:
        body = msgspec.json.decode(raw, type=kind, strict=True)
        if b"\\u0000" in raw:
            _refuse_nul(msgspec.json.decode(raw), "")
        return body
    except msgspec.ValidationError as exc:
        raise invalid_from(exc) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc


def _refuse_nul(value: Any, path: str) -> None:
    """NUL cannot be stored as text on every engine. Raises Invalid naming where it is."""
    if isinstance(value, str) and "\x00" in value:
        raise Invalid(path or "body", "must not contain NUL")
    if isinstance(value, dict):
        for name, item in value.items():
            _refuse_nul(name, path)
            _refuse_nul(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            _refuse_nul(item, f"{path}[{n}]")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose `json()` is already the handler's body type."""

    async def json(self) -> Any:
        """The decoded body; called by Litestar for a handler's `data`."""
        field = self.route_handler.parsed_data_field
        return decode_body(await self.body(), field.annotation if field is not None else Any)


def request_id(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The id the gateway gave this request, or a new one, the same for the whole request."""
    known = connection.scope.setdefault("state", {}).get("request_id")
    if known is None:
        given = connection.headers.get("x-request-id", "")
        usable = len(given) <= REQUEST_ID_CHARS_MAX and _VISIBLE.match(given)
        known = given if usable else new_id("req")
        connection.scope["state"]["request_id"] = known
    return str(known)


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Who really asks. The gateway names the client last in X-Forwarded-For; from outside it is not believed."""
    peer = connection.client.host if connection.client else ""
    if not _is_inner(peer):
        return peer
    last = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return last if _is_address(last) else peer


def is_https(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether the browser speaks https, as the gateway tells."""
    return connection.headers.get("x-forwarded-proto", connection.url.scheme).rpartition(",")[2].strip() == "https"


def public_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """`scheme://host[:port]` as the browser wrote it."""
    host = connection.headers.get("x-forwarded-host") or connection.headers.get("host", "")
    return f"{'https' if is_https(connection) else 'http'}://{host}"


def public_base(connection: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> str:
    """The address people reach the gateway by: the configured one, else the one of this request."""
    return settings.public_url.rstrip("/") if settings.public_url else public_origin(connection)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_inner(peer: str) -> bool:
    """Loopback or a private network, where the gateway is. What is not an address (tests) counts too."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return True
    return address.is_loopback or address.is_private
