"""Bad input is refused by name and changes nothing: no row, no audit entry, no generation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import Api

pytestmark = pytest.mark.integration

# path, body, the field that the answer must name. `{account}` is a fresh account's id.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("/api/admin/accounts", {}, "name"),
    ("/api/admin/accounts", {"name": "A", "colour": "red"}, "colour"),
    ("/api/admin/accounts", {"name": 5}, "name"),
    ("/api/admin/accounts", {"name": ""}, "name"),
    ("/api/admin/accounts", {"name": "a\nb"}, "name"),
    ("/api/admin/accounts", {"name": "a" * 101}, "name"),
    ("/api/admin/accounts", {"name": "A", "kind": "club"}, "kind"),
    ("/api/admin/accounts", {"name": "A", "group": "nowhere"}, "group"),
    ("/api/admin/accounts", {"name": "A", "extra_groups": ["default", "nowhere"]}, "extra_groups[1]"),
    ("/api/admin/accounts", {"name": "A", "enabled": "true"}, "enabled"),
    ("/api/admin/accounts", {"name": "A", "limits": {"rpm": 0}}, "limits.rpm"),
    ("/api/admin/accounts", {"name": "A", "limits": {"rpm": "60"}}, "limits.rpm"),
    ("/api/admin/accounts", {"name": "A", "limits": {"rpm": 60.5}}, "limits.rpm"),
    ("/api/admin/accounts", {"name": "A", "limits": {"rps": 1}}, "limits.rps"),
    ("/api/admin/groups", {"name": "../x"}, "name"),
    ("/api/admin/groups", {"name": "line\n"}, "name"),
    ("/api/admin/groups", {"name": "g", "price_multiplier": 1.5}, "price_multiplier"),
    ("/api/admin/groups", {"name": "g", "price_multiplier": "-1"}, "price_multiplier"),
    ("/api/admin/groups", {"name": "g", "price_multiplier": "0.0000001"}, "price_multiplier"),
    ("/api/admin/groups", {"name": "g", "models": "*"}, "models"),
    ("/api/admin/groups", {"name": "g", "models": ["a", "b c"]}, "models[1]"),
    ("/api/admin/groups", {"name": "g", "description": "a\x00b"}, "description"),
    ("/api/admin/upstreams", {"name": "u"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "ftp://example.com"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://user:pw@example.com/v1"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://example.com/v1?key=1"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://example.com:99999/v1"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://exa mple.com"}, "base_url"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://e.com", "provider": "acme"}, "provider"),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://e.com", "headers": {"Host": "x"}}, "headers.Host"),
    (
        "/api/admin/upstreams",
        {"name": "u", "base_url": "https://e.com", "headers": {"Authorization": "x"}},
        "headers.Authorization",
    ),
    (
        "/api/admin/upstreams",
        {"name": "u", "base_url": "https://e.com", "credentials": [{"secret": "a b"}]},
        "credentials[0].secret",
    ),
    (
        "/api/admin/upstreams",
        {"name": "u", "base_url": "https://e.com", "credentials": [{"secret": "s"}, {"enabled": True}]},
        "credentials[1].secret",
    ),
    (
        "/api/admin/upstreams",
        {"name": "u", "base_url": "https://e.com", "credentials": [{"id": "cred_x"}]},
        "credentials[0].id",
    ),
    (
        "/api/admin/upstreams",
        {"name": "u", "base_url": "https://e.com", "timeouts": {"idle_ms": 0}},
        "timeouts.idle_ms",
    ),
    ("/api/admin/upstreams", {"name": "u", "base_url": "https://e.com", "timeouts": {"idle": 1}}, "timeouts.idle"),
    ("/api/admin/models", {"name": "m"}, "prices"),
    ("/api/admin/models", {"name": "m", "prices": {}}, "prices"),
    ("/api/admin/models", {"name": "m", "prices": {"input": "1"}}, "prices.output"),
    ("/api/admin/models", {"name": "m", "prices": {"input": 1, "output": "2"}}, "prices.input"),
    ("/api/admin/models", {"name": "m", "prices": {"input": "1e-3", "output": "2"}}, "prices.input"),
    ("/api/admin/models", {"name": "m", "prices": {"input": "0.0000001", "output": "2"}}, "prices.input"),
    ("/api/admin/models", {"name": "m", "prices": {"input": "-1", "output": "2"}}, "prices.input"),
    ("/api/admin/models", {"name": "m", "prices": {"in": "1"}}, "prices.in"),
    ("/api/admin/models", {"name": "m", "kind": "image", "prices": {"image": "0.0000000001"}}, "prices.image"),
    ("/api/admin/models", {"name": "a//b", "free": True}, "name"),
    ("/api/admin/models", {"name": "a/../b", "free": True}, "name"),
    ("/api/admin/models", {"name": "m", "free": True, "kind": "video"}, "kind"),
    ("/api/admin/models", {"name": "m", "free": True, "context_length": -1}, "context_length"),
    (
        "/api/admin/models",
        {"name": "m", "free": True, "context_length": 10, "max_output_tokens": 11},
        "max_output_tokens",
    ),
    ("/api/admin/models", {"name": "m", "free": True, "routes": [{"upstream": "nowhere"}]}, "routes[0].upstream"),
    ("/api/admin/models", {"name": "m", "free": True, "routes": [{}]}, "routes[0].upstream"),
    ("/api/admin/keys", {"name": "k"}, "account_id"),
    ("/api/admin/keys", {"name": "k", "account_id": "acc_nobody"}, "account_id"),
    ("/api/admin/keys", {"account_id": "{account}"}, "name"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "group": "nowhere"}, "group"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "models": []}, "models"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "endpoints": ["chat", "chats"]}, "endpoints[1]"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "allow_ips": ["10.0.0.0/8", "x"]}, "allow_ips[1]"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "expires_at": "2026-01-01"}, "expires_at"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "expires_at": "2026-01-01T00:00:00"}, "expires_at"),
    ("/api/admin/keys", {"name": "k", "account_id": "{account}", "secret": "sk-tw-mine"}, "secret"),
    ("/api/admin/users", {"email": "nobody", "name": "N"}, "email"),
    ("/api/admin/users", {"email": "a@b.c", "name": "N", "password": "short"}, "password"),
    ("/api/admin/users", {"email": "a@b.c", "name": "N", "role": "king"}, "role"),
    ("/api/admin/accounts/{account}/credits", {"amount": 10}, "amount"),
    ("/api/admin/accounts/{account}/credits", {"amount": "ten"}, "amount"),
    ("/api/admin/accounts/{account}/credits", {"amount": "0.0000000001"}, "amount"),
    ("/api/admin/accounts/{account}/credits", {"amount": "0"}, "amount"),
    ("/api/admin/accounts/{account}/credits", {"amount": "1000000001"}, "amount"),
    ("/api/admin/accounts/{account}/credits", {"amount": "1", "note": "x"}, "note"),
]


def _filled(value: Any, account: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, account) for name, item in value.items()}
    return account if value == "{account}" else value


async def test_a_refused_body_names_its_field_and_changes_nothing(api: Api) -> None:
    account = await api.account()
    before = await api.state()
    for n, (path, body, field) in enumerate(REFUSED):
        path = path.replace("{account}", account)
        answer = await api.call("POST", path, _filled(body, account), headers={"idempotency-key": f"bad-{n}"})
        problem = answer.json()
        assert answer.status_code == 422, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["code"], problem["status"]) == ("validation_failed", 422)
        assert [error["field"] for error in problem["errors"]] == [field], (body, problem)
        assert problem["errors"][0]["message"]
        assert problem["request_id"]
    assert await api.state() == before


async def test_all_wrong_prices_are_named_at_once(api: Api) -> None:
    body = {"name": "m", "prices": {"input": "x", "output": "-1"}}
    answer = await api.call("POST", "/api/admin/models", body, status=422)
    assert [error["field"] for error in answer.json()["errors"]] == ["prices.input", "prices.output"]


NOT_AN_OBJECT: list[tuple[bytes, int, str]] = [
    (b"", 400, "bad_request"),
    (b"{", 400, "bad_request"),
    (b'{"name": "A"} x', 400, "bad_request"),
    (b'{"name": "\xff"}', 400, "bad_request"),
    (b'{"name": "\\ud800"}', 400, "bad_request"),
    (b"[" * 100_000, 422, "validation_failed"),
    (b'{"x":' * 100_000, 422, "validation_failed"),
    (b"[]", 422, "validation_failed"),
    (b"null", 422, "validation_failed"),
    (b'"name"', 422, "validation_failed"),
    (b" " * 1_048_577, 413, "request_too_large"),
]


async def test_a_body_that_is_no_object_is_refused(api: Api) -> None:
    before = await api.state()
    for content, status, code in NOT_AN_OBJECT:
        answer = await api.call("POST", "/api/admin/accounts", content=content, status=status)
        assert answer.json()["code"] == code, content[:40]
    assert await api.state() == before


async def test_a_list_refuses_what_it_cannot_read(api: Api) -> None:
    for query, field in (
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=garbage", "cursor"),
        ("cursor=" + "a" * 600, "cursor"),
        ("q=" + "a" * 300, "q"),
    ):
        answer = await api.call("GET", f"/api/admin/accounts?{query}", status=422)
        assert [error["field"] for error in answer.json()["errors"]] == [field], query


async def test_nul_in_path_or_query_is_refused(api: Api) -> None:
    for path in ("/api/admin/accounts?q=%00", "/api/admin/groups/a%00b", "/api/admin/keys/%00"):
        assert (await api.call("GET", path)).status_code in (400, 404), path


async def test_an_unknown_path_is_404(api: Api) -> None:
    for path in ("/api/nope", "/api", "/api/admin", "/api/-openapi/openapi.json", "/internal/node/x"):
        answer = await api.call("GET", path, status=404)
        assert answer.json()["code"] == "not_found", path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_405_and_names_the_right_ones(api: Api) -> None:
    answer = await api.call("PUT", "/api/admin/accounts", {}, status=405)
    assert answer.json()["code"] == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


async def test_if_match_must_be_a_version(api: Api) -> None:
    for header in ('"x"', "1.5", "-1", "1, 2"):
        answer = await api.call(
            "PATCH", "/api/admin/groups/default", {"description": "d"}, headers={"if-match": header}, status=400
        )
        assert answer.json()["code"] == "bad_request", header
