"""Behind a reverse proxy that the operator named: addresses in pages, and whom a key's list of addresses judges.

Decides that this test is the proxy: it calls from 127.0.0.1, which the stack trusts, with headers as a proxy sets.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

PUBLIC = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "pay.example.com"}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("behind"), TOLLWAY_TRUSTED_PROXIES="127.0.0.1/32") as running:
        running.api.model("sim-chat", "sim-chat")
        yield running


def _get(stack: Stack, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(f"{stack.url}{path}", headers=headers, timeout=30)


def test_pages_and_status_tell_the_address_that_people_use(behind: Stack) -> None:
    page = _get(behind, "/docs", PUBLIC)
    assert page.status_code == 200
    assert "https://pay.example.com/v1" in page.text
    assert f"127.0.0.1:{behind.port}/v1" not in page.text
    assert _get(behind, "/api/status", PUBLIC).json()["base_url"] == "https://pay.example.com/v1"
    for plain in ({}, {"x-forwarded-for": "203.0.113.9"}):
        assert "pay.example.com" not in _get(behind, "/docs", plain).text
        assert _get(behind, "/api/status", plain).json()["base_url"] == f"{behind.url}/v1"


def test_what_a_client_sent_to_the_proxy_is_a_claim(behind: Stack) -> None:
    added = {name: f"evil.example, {value}" for name, value in PUBLIC.items()}
    page = _get(behind, "/docs", added).text
    assert "https://pay.example.com/v1" in page
    assert "evil.example" not in page


def test_a_keys_addresses_are_those_behind_the_proxy(behind: Stack) -> None:
    _, secret = behind.api.key(behind.api.account("10.00"), allow_ips=["203.0.113.0/24"])
    key = {"authorization": f"Bearer {secret}"}
    for seen, status in (
        ("203.0.113.9", 200),
        ("198.51.100.1, 203.0.113.9", 200),
        ("203.0.113.9, 198.51.100.1", 403),
        ("198.51.100.1", 403),
        ("203.0.113.9, nonsense", 403),
    ):
        assert _get(behind, "/v1/models", key | {"x-forwarded-for": seen}).status_code == status, seen
        body = {"model": "sim-chat", "messages": [{"role": "user", "content": "Hello"}]}
        headers = key | {"x-forwarded-for": seen}
        answer = httpx.post(f"{behind.url}/v1/chat/completions", json=body, headers=headers, timeout=30)
        assert answer.status_code == status, (seen, answer.text)
    assert _get(behind, "/v1/models", key).status_code == 403, "the proxy itself is not in the list"


def test_without_the_setting_nothing_of_it_is_believed(stack: Stack) -> None:
    assert "pay.example.com" not in _get(stack, "/docs", PUBLIC).text
    assert _get(stack, "/api/status", PUBLIC).json()["base_url"] == f"{stack.url}/v1"
    _, secret = stack.api.key(stack.api.account("10.00"), allow_ips=["203.0.113.0/24"])
    assert _get(stack, "/v1/models", PUBLIC | {"authorization": f"Bearer {secret}"}).status_code == 403
