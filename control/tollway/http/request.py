"""The request as this API reads it: bodies decoded strictly by their msgspec type, from bytes, once.

Litestar would convert JSON leniently ("5" for 5, "true" for true) and money must never come in by such a door. So the
request class decodes with the handler's own body type, and an error names the field as the caller wrote it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection

from tollway import proxies
from tollway.errors import BadRequest, Invalid
from tollway.http.context import context_of
from tollway.ids import new_id
from tollway.settings import Settings

BODY_BYTES_MAX = 1_048_576
REQUEST_ID_CHARS_MAX = 128

_AT = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_NAMED = re.compile(r"^Object (contains unknown|missing required) field `(.*)`$", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
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
    """Who really asks. The gateway names its peer last in X-Forwarded-For; from outside it is not believed. Behind
    trusted proxies it is the last one named that is not one of them.
    """
    address = connection.client.host if connection.client else ""
    if not _is_inner(address):
        return address
    return proxies.caller(address, _seen(connection), context_of(connection).settings.trusted_proxies)


def is_https(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether the browser speaks https: as the gateway tells, or because the configured address of this host is."""
    if _told(connection, "x-forwarded-proto", connection.url.scheme) == "https":
        return True
    public = urlsplit(context_of(connection).settings.public_url)
    return public.scheme == "https" and public.netloc.lower() == _asked_host(connection).lower()


def public_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """`scheme://host[:port]` as the browser wrote it; None when what came as the host cannot be one."""
    host = _asked_host(connection)
    return f"{'https' if is_https(connection) else 'http'}://{host}" if _HOST.fullmatch(host) else None


def public_base(connection: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> str:
    """Where people reach the gateway: the configured address, else the one of this request. No slash at the end."""
    return settings.base_url if settings.public_url else public_origin(connection) or settings.base_url


def _asked_host(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return _told(connection, "x-forwarded-host", connection.headers.get("host", ""))


def _told(connection: ASGIConnection[Any, Any, Any, Any], header: str, otherwise: str) -> str:
    """What the gateway says in an X-Forwarded header; from elsewhere it is not believed."""
    peer = connection.client.host if connection.client else ""
    said = connection.headers.get(header, "")
    if not _is_inner(peer):
        return otherwise
    return proxies.told(said, _seen(connection), context_of(connection).settings.trusted_proxies) or otherwise


def _seen(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Whom each hop saw, the gateway's own peer last."""
    return connection.headers.get("x-forwarded-for", "")


def _is_inner(peer: str) -> bool:
    """Loopback or a private network, where the gateway is. What is not an address (tests) counts too."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return True
    return address.is_loopback or address.is_private
