"""What the documentation says of errors and dialects, held against the running gateway: provoked, and compared with the
page a stranger reads.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.api import Tenant
from tests.support.stack import Stack
from tollway.portal.docs.errors import by_code
from tollway.portal.docs.integrations import SERVED_DIALECTS
from tollway.portal.docs.tools.shape import DIALECTS

pytestmark = pytest.mark.e2e

ASK = {"model": "sim-chat", "messages": [{"role": "user", "content": "Hello"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def told(stack: Stack) -> dict[str, tuple[str, dict[str, Any]]]:
    """Code → the head and the error object that `/docs/errors` shows."""
    text = httpx.get(f"{stack.url}/docs/errors", timeout=20).raise_for_status().text
    found = {}
    for code, shown in re.findall(r'<pre[^>]* id="sent-([a-z_]+)"[^>]*>(.*?)</pre>', text, re.DOTALL):
        head, _, body = html.unescape(shown).partition("\n\n")
        if code != "stream":
            found[code] = (head, json.loads(body)["error"])
    return found


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Tenant:
    return stack.api.tenant()


def _post(stack: Stack, key: str | None, body: object = ASK, path: str = CHAT, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    headers |= more.pop("headers", {})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{stack.url}{path}", content=content, headers=headers, timeout=20, **more)


def _limited(stack: Stack, tenant: Tenant) -> httpx.Response:
    _, secret = stack.api.key(tenant.account, limits={"rpm": 1})
    assert _post(stack, secret).status_code == 200
    return _post(stack, secret)


def _disabled(stack: Stack, tenant: Tenant) -> httpx.Response:
    key_id, secret = stack.api.key(tenant.account)
    stack.api.call("PATCH", f"/api/admin/keys/{key_id}", {"enabled": False})
    return _post(stack, secret)


def _script(script: str) -> Callable[[Stack, Tenant], httpx.Response]:
    def call(stack: Stack, tenant: Tenant) -> httpx.Response:
        name = f"truth-{re.sub('[^a-z0-9]', '-', script)}"
        stack.api.model(name, f"script:{script}")
        return _post(stack, tenant.key, ASK | {"model": name})

    return call


def _slow(stack: Stack, tenant: Tenant) -> httpx.Response:
    stack.api.upstream("truth-slow", f"{stack.simulator.url}/v1", timeouts={"first_byte_ms": 200})
    stack.api.model("truth-stalled", "script:stall=connect", upstream="truth-slow")
    return _post(stack, tenant.key, ASK | {"model": "truth-stalled"})


def _asleep(stack: Stack, tenant: Tenant) -> httpx.Response:
    stack.api.upstream("truth-off", f"{stack.simulator.url}/v1", enabled=False)
    stack.api.model("truth-asleep", "x", upstream="truth-off")
    return _post(stack, tenant.key, ASK | {"model": "truth-asleep"})


CASES: dict[str, Callable[[Stack, Tenant], httpx.Response]] = {
    "invalid_json": lambda stack, tenant: _post(stack, tenant.key, b"{"),
    "invalid_request": lambda stack, tenant: _post(stack, tenant.key, {"model": "sim-chat"}),
    "method_not_allowed": lambda stack, tenant: httpx.get(f"{stack.url}{CHAT}"),
    "unsupported_media_type": lambda stack, tenant: _post(stack, tenant.key, headers={"content-type": "text/plain"}),
    "unsupported_encoding": lambda stack, tenant: _post(stack, tenant.key, headers={"content-encoding": "gzip"}),
    "invalid_api_key": lambda stack, tenant: _post(stack, None),
    "key_disabled": _disabled,
    "insufficient_balance": lambda stack, tenant: _post(stack, stack.api.tenant(None).key),
    "endpoint_not_allowed": lambda stack, tenant: _post(
        stack, stack.api.key(tenant.account, endpoints=["embeddings"])[1]
    ),
    "ip_not_allowed": lambda stack, tenant: _post(stack, stack.api.key(tenant.account, allow_ips=["192.0.2.0/24"])[1]),
    "model_not_found": lambda stack, tenant: _post(stack, tenant.key, ASK | {"model": "no-such-model"}),
    "not_found": lambda stack, tenant: _post(stack, tenant.key, path="/v1/v1/chat/completions"),
    "rate_limit_exceeded": _limited,
    "upstream_rate_limited": _script("status=429"),
    "upstream_error": _script("status=500"),
    "no_healthy_upstream": _asleep,
    "upstream_timeout": _slow,
}


@pytest.mark.parametrize("code", CASES)
def test_the_gateway_sends_what_the_page_says(
    stack: Stack, tenant: Tenant, told: dict[str, tuple[str, dict[str, Any]]], code: str
) -> None:
    answer = CASES[code](stack, tenant)
    head, shown = told[code]
    sent = answer.json()["error"]
    assert list(sent) == list(shown)
    assert {name: sent[name] for name in sent if name != "message"} == {
        name: shown[name] for name in shown if name != "message"
    }
    assert head.splitlines()[0] == f"HTTP/1.1 {answer.status_code}"
    # The sentence is the page's, but for what the core fills in.
    parts = re.split(r"\{\w*\}", by_code(code).text)
    assert re.fullmatch(".*".join(map(re.escape, parts)), sent["message"]), sent["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    names = {line.partition(":")[0] for line in head.splitlines()[1:]}
    assert names <= set(answer.headers)
    assert ("x-should-retry" in names) == (answer.headers.get("x-should-retry") == "false")
    assert ("retry-after" in names) == ("retry-after" in answer.headers)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_served_exactly_when_the_cards_say_so(stack: Stack, name: Any) -> None:
    path = DIALECTS[name].path.replace("…", "sim-chat")
    assert _post(stack, None, path=path).status_code == (401 if name in SERVED_DIALECTS else 404)
