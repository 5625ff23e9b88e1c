"""Where people reach the gateway, from what one request says: nobody but the gateway and named proxies is believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request

from tollway.http.request import client_address, is_https, public_base, public_origin
from tollway.settings import Settings

pytestmark = pytest.mark.unit

GATEWAY = "127.0.0.1"
PROXY = "10.0.0.7"
ELSEWHERE = "1.0.0.1"
TRUSTING = Settings(trusted_proxies=("192.168.0.1", "10.0.0.0/24"))


def request(headers: dict[str, str], settings: Settings | None = None, peer: str = GATEWAY) -> Request[Any, Any, Any]:
    app = SimpleNamespace(state=SimpleNamespace(context=SimpleNamespace(settings=settings or Settings())))
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 8081),
        "client": (peer, 40000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "litestar_app": app,
    }
    return Request(scope)


def told(host: str = "pay.example.com", proto: str = "https", seen: str = "203.0.113.9") -> dict[str, str]:
    return {"host": "inner:1", "x-forwarded-host": host, "x-forwarded-proto": proto, "x-forwarded-for": seen}


@pytest.mark.parametrize(
    ("settings", "headers", "peer", "expected"),
    [
        (Settings(public_url="https://models.example.org/"), told(), GATEWAY, "https://models.example.org"),
        (Settings(), told(), GATEWAY, "https://pay.example.com"),
        (Settings(), told(host="[2001:db8::1]:8080", proto="http"), GATEWAY, "http://[2001:db8::1]:8080"),
        (Settings(), {"host": "10.0.0.1:8080"}, GATEWAY, "http://10.0.0.1:8080"),
        # From elsewhere, what it says of others is not believed.
        (Settings(), told() | {"host": "10.0.0.1:8081"}, ELSEWHERE, "http://10.0.0.1:8081"),
        # What cannot be a host never gets into a page.
        (Settings(), told(host='"><img src=x>'), GATEWAY, "http://127.0.0.1:8080"),
        (Settings(), told(host="a.example/evil"), GATEWAY, "http://127.0.0.1:8080"),
        (Settings(), told(host="user@a.example"), GATEWAY, "http://127.0.0.1:8080"),
        (Settings(), {}, GATEWAY, "http://127.0.0.1:8080"),
        # A client's own claim stands before the gateway's word, and counts only from a proxy that is trusted.
        (Settings(), told("evil.example, b.example", "https, http", "1.1.1.1, 10.0.0.7"), GATEWAY, "http://b.example"),
        (TRUSTING, told("a.example, b.example", "https, http", "1.1.1.1, 10.0.0.7"), GATEWAY, "https://a.example"),
        (TRUSTING, told("evil.example, b.example", "https, http", "1.1.1.1"), GATEWAY, "http://b.example"),
        (TRUSTING, told("b.example", "http", PROXY), GATEWAY, "http://b.example"),
    ],
)
def test_the_base_is_the_configured_address_else_the_one_that_was_asked(
    settings: Settings, headers: dict[str, str], peer: str, expected: str
) -> None:
    assert public_base(request(headers, settings, peer), settings) == expected


def test_https_is_known_by_the_configured_address_of_the_host_that_was_asked() -> None:
    settings = Settings(public_url="https://models.example.org")
    for host, expected in (("models.example.org", True), ("MODELS.example.org", True), ("127.0.0.1:8080", False)):
        asked = request(told(host=host, proto="http"), settings)
        assert is_https(asked) is expected
        assert public_origin(asked) == f"{'https' if expected else 'http'}://{host}"


@pytest.mark.parametrize(
    ("settings", "seen", "peer", "expected"),
    [
        (Settings(), "203.0.113.9", GATEWAY, "203.0.113.9"),
        (Settings(), "9.9.9.9, 203.0.113.9", GATEWAY, "203.0.113.9"),
        (Settings(), "9.9.9.9", ELSEWHERE, ELSEWHERE),
        (Settings(), "nonsense", GATEWAY, GATEWAY),
        (Settings(), "9.9.9.9, 203.0.113.9, 10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "9.9.9.9, 203.0.113.9, 10.0.0.7", GATEWAY, "203.0.113.9"),
        (TRUSTING, "203.0.113.9, 10.0.0.8, 10.0.0.7", GATEWAY, "203.0.113.9"),
        (TRUSTING, "10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "nonsense, 10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "203.0.113.9, , 10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "203.0.113.9:443, 10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "fe80::1%eth0, 10.0.0.7", GATEWAY, PROXY),
        (TRUSTING, "203.0.113.9, ::ffff:10.0.0.8, 10.0.0.7", GATEWAY, "203.0.113.9"),
        (TRUSTING, "::ffff:203.0.113.9, 10.0.0.7", GATEWAY, "203.0.113.9"),
        (TRUSTING, "2001:DB8::9, 10.0.0.7", GATEWAY, "2001:db8::9"),
    ],
)
def test_the_client_is_the_last_one_named_that_is_no_trusted_proxy(
    settings: Settings, seen: str, peer: str, expected: str
) -> None:
    assert client_address(request({"x-forwarded-for": seen}, settings, peer)) == expected


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=40))
def test_whatever_comes_as_a_host_the_base_holds_nothing_that_html_or_a_shell_would_mind(host: str) -> None:
    base = public_base(request(told(host=host)), Settings())
    assert not set(base) & set(" \"'<>&$`\\;|(){}\n\r\t")
