"""One bounded GET to an upstream from the control plane, under the gateway's own rule for addresses.

Every resolved address is checked, and the connection is made to exactly an address that passed: the name is not looked
up a second time, so it cannot point elsewhere meanwhile. TLS still checks the certificate for the name. No redirect, no
proxy of the environment, nothing decompressed. A failure says what to do and holds nothing that the upstream sent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

TOTAL_MS: Final = 15_000
BODY_BYTES_MAX: Final = 4_194_304
ADDRESSES_MAX: Final = 4

_PRIVATE_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PRIVATE_V6: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("::/128", "::1/128", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class DialFailure(Exception):
    """No usable answer came. `code` is stable, `message` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Answer(msgspec.Struct, frozen=True):
    """A whole answer and the time from the look-up to its last byte."""

    status: int
    body: bytes
    latency_ms: int


class Limits(msgspec.Struct, frozen=True):
    """What the caller may decide about one GET."""

    connect_ms: int
    private_allowed: bool
    total_ms: int
    ca_file: str = ""


def is_private(text: str) -> bool:
    """Addresses that are not on the public internet: the same list as the gateway's (core_rs/relay/src/resolve.rs)."""
    ip = ipaddress.ip_address(text)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_private(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_private(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        return any(ip in network for network in _PRIVATE_V6)
    return any(ip in network for network in _PRIVATE_V4)


async def get(url: str, headers: Mapping[str, str], limits: Limits) -> Answer:
    """GET `url` (checked by `checked_base_url` before). Raises DialFailure."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(limits.total_ms / 1000):
            parts = urlsplit(url)
            addresses = await _allowed_addresses(parts, limits)
            status, body = await _first_that_connects(parts, addresses, headers, limits)
    except TimeoutError:
        raise DialFailure(
            "timeout", f"there was no whole answer within {limits.total_ms // 1000} s; try again later"
        ) from None
    return Answer(status, body, round((time.monotonic() - started) * 1000))


async def _allowed_addresses(parts: SplitResult, limits: Limits) -> list[str]:
    """Where the name leads to now. Raises DialFailure when that is nowhere, or private and not allowed."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DialFailure(
            "unresolved", "the host name in base_url does not resolve; check its spelling, or this machine's DNS"
        ) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES_MAX]
    if limits.private_allowed:
        return addresses
    public = [address for address in addresses if not is_private(address)]
    if not public:
        raise DialFailure(
            "private_address", "base_url leads to a private address; if that is meant, set allow_private_address"
        )
    return public


async def _first_that_connects(
    parts: SplitResult, addresses: Sequence[str], headers: Mapping[str, str], limits: Limits
) -> tuple[int, bytes]:
    context = await asyncio.to_thread(_tls_context, limits.ca_file)
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    timeout = httpx.Timeout(limits.total_ms / 1000, connect=limits.connect_ms / 1000)
    async with httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as client:
        for n, address in enumerate(addresses, start=1):
            try:
                return await _exchange(client, parts, address, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                if n == len(addresses) or _is_tls(exc):
                    raise _failure(exc) from None
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                raise _failure(exc) from None
    raise AssertionError("there is always an address")


async def _exchange(
    client: httpx.AsyncClient, parts: SplitResult, address: str, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    host = f"[{address}]" if ":" in address else address
    own = {"host": parts.netloc, "accept": "application/json", "accept-encoding": "identity"}
    request = client.build_request(
        "GET",
        f"{parts.scheme}://{host}:{_port(parts)}{parts.path}",
        headers={**headers, **own},
        extensions={"sni_hostname": parts.hostname},
    )
    answer = await client.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                raise DialFailure(
                    "too_large", f"the answer is larger than {BODY_BYTES_MAX} bytes; is this the right path?"
                )
    finally:
        await answer.aclose()
    return answer.status_code, bytes(body)


def _failure(exc: Exception) -> DialFailure:
    if _is_tls(exc):
        return DialFailure(
            "tls_failed", "the TLS handshake failed: the certificate is not trusted here, or is for another name"
        )
    if isinstance(exc, httpx.TimeoutException):
        return DialFailure("timeout", "there was no answer in time; check host and port, or try again later")
    if isinstance(exc, httpx.ConnectError):
        return DialFailure("connect_failed", "nothing takes connections there; check host and port in base_url")
    return DialFailure("broken_answer", "the answer broke off or is not HTTP; check scheme and port in base_url")


def _is_tls(exc: BaseException | None) -> bool:
    """Whether a TLS error is among the causes."""
    while exc is not None:
        # A handshake that is merely unfinished is an error of this family too.
        if isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
