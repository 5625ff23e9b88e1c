"""The life of each resource: made, read, listed, changed field by field, refused when stale, gone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tollway.crypto import KeySecret, credential_place
from tollway.db.tables import ChangeRow, CredentialRow, KeyRow, PriceRow, WalletRow
from tollway.keys import service as keys

pytestmark = pytest.mark.integration


async def changes(api: Api, after: int) -> list[tuple[str, str, bytes | None]]:
    """What the snapshot was told since a generation."""
    async with api.db.read_tx() as tx:
        rows = await tx.session.scalars(select(ChangeRow).where(ChangeRow.generation > after).order_by(ChangeRow.id))
        return [(row.kind, row.ref, row.digest) for row in rows]


async def test_group(api: Api) -> None:
    made = await api.make(
        "/api/admin/groups", {"name": "vip", "price_multiplier": "0.85", "models": ["gpt-*", "gpt-*"]}
    )
    assert made["models"] == ["gpt-*"]
    assert made["price_multiplier"] == "0.85"
    assert made["limits"] == {"rpm": None, "tpm": None, "concurrency": None}
    assert made["version"] == 1
    assert await api.get("/api/admin/groups/vip") == made
    listed = await api.get("/api/admin/groups")
    assert [row["name"] for row in listed["data"]] == ["default", "vip"]

    generation = (await api.state())[0]
    changed = (await api.call("PATCH", "/api/admin/groups/vip", {"limits": {"rpm": 60}}, status=200)).json()
    assert changed == made | {"limits": {"rpm": 60, "tpm": None, "concurrency": None}, "version": 2} | {
        "updated_at": changed["updated_at"]
    }
    more = (await api.call("PATCH", "/api/admin/groups/vip", {"limits": {"tpm": 9}}, status=200)).json()
    assert more["limits"] == {"rpm": 60, "tpm": 9, "concurrency": None}
    cleared = (await api.call("PATCH", "/api/admin/groups/vip", {"limits": {"rpm": None}}, status=200)).json()
    assert cleared["limits"] == {"rpm": None, "tpm": 9, "concurrency": None}
    assert (await api.call("PATCH", "/api/admin/groups/vip", {"limits": None}, status=200)).json()["limits"][
        "tpm"
    ] is None
    assert await changes(api, generation) == [("group", "vip", None)] * 4

    answer = await api.call("DELETE", "/api/admin/groups/vip", status=204)
    assert answer.content == b""
    assert int(answer.headers["x-tollway-generation"]) == generation + 5
    await api.call("GET", "/api/admin/groups/vip", status=404)
    assert (await api.make("/api/admin/groups", {"name": "vip"}))["price_multiplier"] == "1.0"


async def test_a_group_in_use_stays(api: Api) -> None:
    await api.make("/api/admin/groups", {"name": "vip"})
    account = await api.account(group="vip")
    assert (await api.call("DELETE", "/api/admin/groups/vip", status=409)).json()["code"] == "conflict"
    await api.call("PATCH", f"/api/admin/accounts/{account}", {"group": None}, status=200)
    await api.call("DELETE", "/api/admin/groups/vip", status=204)
    assert (await api.call("DELETE", "/api/admin/groups/default", status=409)).json()["code"] == "conflict"


async def test_a_taken_name_is_a_conflict(api: Api) -> None:
    await api.upstream()
    await api.model()
    await api.user()
    for path, body in (
        ("/api/admin/groups", {"name": "default"}),
        ("/api/admin/upstreams", {"name": "up", "base_url": "https://e.com"}),
        ("/api/admin/models", {"name": "m", "free": True}),
        ("/api/admin/users", {"email": "ADA@Example.com", "name": "Other"}),
    ):
        before = await api.state()
        assert (await api.call("POST", path, body, status=409)).json()["code"] == "already_exists"
        assert await api.state() == before


async def test_upstream(api: Api) -> None:
    secret = "sk-very-secret-0123456789abcd"
    made = await api.upstream(base_url="https://API.example.com/v1/", credentials=[{"secret": secret}])
    assert made["base_url"] == "https://API.example.com/v1"
    (credential,) = made["credentials"]
    assert credential == {"id": credential["id"], "hint": "…abcd", "enabled": True}
    async with api.db.read_tx() as tx:
        row = (await tx.session.scalars(select(CredentialRow))).one()
        assert secret.encode() not in row.sealed
        assert api.ctx.vault.open(row.sealed, credential_place("up", row.id)) == secret.encode()
    for path in ("/api/admin/upstreams/up", "/api/admin/upstreams", "/api/admin/audit"):
        assert secret not in (await api.call("GET", path, status=200)).text

    path = "/api/admin/upstreams/up"
    both = [{"id": credential["id"], "enabled": False}, {"secret": "another-secret-0123456789"}]
    changed = (await api.call("PATCH", path, {"credentials": both}, status=200)).json()
    assert [c["enabled"] for c in changed["credentials"]] == [False, True]
    assert changed["version"] == made["version"] + 1
    timeouts = (await api.call("PATCH", path, {"timeouts": {"connect_ms": 5, "idle_ms": 7}}, status=200)).json()[
        "timeouts"
    ]
    assert timeouts == {"connect_ms": 5, "idle_ms": 7}
    timeouts = (await api.call("PATCH", path, {"timeouts": {"connect_ms": None}}, status=200)).json()["timeouts"]
    assert timeouts == {"idle_ms": 7}
    gone = (await api.call("PATCH", path, {"credentials": changed["credentials"][1:]}, status=422)).json()
    assert gone["errors"][0]["field"] == "credentials[0].hint"
    new_id = changed["credentials"][1]["id"]
    left = (await api.call("PATCH", path, {"credentials": [{"id": new_id}]}, status=200)).json()
    assert [c["id"] for c in left["credentials"]] == [new_id]
    async with api.db.read_tx() as tx:
        dropped = await tx.session.get_one(CredentialRow, credential["id"])
        assert dropped.sealed == b""

    await api.model(routes=[{"upstream": "up"}])
    assert (await api.call("DELETE", path, status=409)).json()["code"] == "conflict"
    await api.call("PATCH", "/api/admin/models/m", {"routes": []}, status=200)
    await api.call("DELETE", path, status=204)
    assert (await api.upstream())["credentials"] == []


async def test_a_changed_header_reaches_the_snapshot_and_stays_out_of_the_audit(api: Api) -> None:
    await api.upstream(headers={"X-Org": "org-one"})
    before = await api.state()
    answer = await api.call("PATCH", "/api/admin/upstreams/up", {"headers": {"X-Org": "org-two"}}, status=200)
    assert answer.json()["headers"] == {"x-org": "org-two"}
    assert await api.state() == (before[0] + 1, before[1] + 1)
    assert "org-" not in (await api.call("GET", "/api/admin/audit", status=200)).text


async def test_model(api: Api) -> None:
    await api.upstream()
    await api.upstream("other")
    name = "meta-llama/Llama-3.1-8B:free"
    routes: list[dict[str, Any]] = [
        {"upstream": "other", "upstream_model": "x", "priority": 1, "weight": 3},
        {"upstream": "up"},
    ]
    prices = {"input": "0.15", "cache_read": "0.075", "output": "0.6", "request": "0.000000001"}
    made = await api.model(name, prices=prices, routes=routes, context_length=128_000, max_output_tokens=16_384)
    assert made["prices"] == prices | {"output": "0.60"}
    assert made["routes"] == [routes[0], {"upstream": "up", "upstream_model": name, "priority": 0, "weight": 1}]
    path = f"/api/admin/models/{name}"
    assert await api.get(path) == made

    dearer = (await api.call("PATCH", path, {"prices": prices | {"input": "0.20"}}, status=200)).json()
    assert dearer["prices"]["input"] == "0.20"
    assert dearer["price_version"] != made["price_version"]
    assert dearer["version"] == 2
    same = (await api.call("PATCH", path, {"prices": prices | {"input": "0.2"}}, status=200)).json()
    assert same == dearer
    async with api.db.read_tx() as tx:
        versions = (await tx.session.scalars(select(PriceRow).order_by(PriceRow.valid_from))).all()
    assert [v.input_pico for v in versions] == [150_000, 200_000]
    assert versions[0].request_nano == 1

    assert (await api.call("PATCH", path, {"prices": None}, status=422)).json()["errors"][0]["field"] == "prices"
    free = (await api.call("PATCH", path, {"prices": None, "free": True}, status=200)).json()
    assert (free["prices"], free["price_version"], free["free"]) == (None, None, True)
    assert (await api.call("PATCH", path, {"free": False}, status=422)).json()["errors"][0]["field"] == "prices"
    rerouted = (await api.call("PATCH", path, {"routes": [{"upstream": "up", "weight": 2}]}, status=200)).json()
    assert [r["weight"] for r in rerouted["routes"]] == [2]
    assert rerouted["version"] == free["version"] + 1
    twice = {"routes": [{"upstream": "up"}, {"upstream": "up"}]}
    assert (await api.call("PATCH", path, twice, status=422)).json()["errors"][0]["field"] == "routes[1]"
    assert (await api.get(path))["routes"] == rerouted["routes"]
    await api.call("DELETE", path, status=204)
    await api.call("GET", path, status=404)
    again = await api.model(name, prices=prices)
    assert again["routes"] == []
    assert again["price_version"] not in (made["price_version"], dearer["price_version"])


async def test_members_see_models_at_their_price_and_in_their_reach_only(api: Api) -> None:
    await api.make("/api/admin/groups", {"name": "half", "price_multiplier": "0.5", "models": ["gpt-*"]})
    account = await api.account(group="half")
    for name in ("gpt-a", "gpt-b", "claude"):
        await api.model(name, prices={"input": "0.000001", "output": "3"})
    await api.model("gpt-off", enabled=False)
    await api.model("gpt-free", free=True, prices=None)
    first = await api.get(f"/api/models?account_id={account}&limit=2")
    rest = await api.get(f"/api/models?account_id={account}&limit=2&cursor={first['next_cursor']}")
    assert [m["name"] for m in first["data"] + rest["data"]] == ["gpt-a", "gpt-b", "gpt-free"]
    assert rest["next_cursor"] is None
    assert first["data"][0]["prices"] == {"input": "0.0000005", "output": "1.50"}
    assert rest["data"][0]["prices"] is None
    assert (await api.get(f"/api/models/gpt-a?account_id={account}"))["price_multiplier"] == "0.5"
    for hidden in ("claude", "gpt-off", "nope"):
        await api.call("GET", f"/api/models/{hidden}?account_id={account}", status=404)


async def test_account(api: Api) -> None:
    made = await api.make("/api/admin/accounts", {"name": "Team"})
    assert (made["kind"], made["group"], made["enabled"], made["extra_groups"]) == ("team", "default", True, [])
    assert made["wallet"] == {"available": "0.00", "held": "0.00", "spent": "0.00"}
    path = f"/api/admin/accounts/{made['id']}"
    await api.make("/api/admin/groups", {"name": "vip"})
    changed = (await api.call("PATCH", path, {"group": "vip", "enabled": False}, status=200)).json()
    assert (changed["group"], changed["enabled"], changed["version"]) == ("vip", False, 2)
    generation, rows = await api.state()
    await api.call("PATCH", path, {"enabled": False}, status=200)
    assert await api.state() == (generation, rows), "a PATCH that changes nothing is no change"
    async with api.db.read_tx() as tx:
        assert await tx.session.get(WalletRow, made["id"]) is not None


async def test_key(api: Api) -> None:
    account = await api.account()
    body = {
        "name": "ci",
        "account_id": account,
        "models": ["claude-*"],
        "endpoints": ["chat"],
        "allow_ips": ["10.1.2.3/8", "2001:db8::1"],
        "limits": {"rpm": 60, "tpm": 200_000, "concurrency": 8},
        "expires_at": "2036-12-01T02:00:00+02:00",
    }
    answer = await api.call("POST", "/api/admin/keys", body, status=201)
    made = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    secret = KeySecret(made.pop("secret"))
    assert secret.is_well_formed()
    assert made["hint"] == secret.hint()
    assert made["allow_ips"] == ["10.0.0.0/8", "2001:db8::1/128"]
    assert made["expires_at"] == "2036-12-01T00:00:00Z"
    assert made["status"] == "active"
    path = f"/api/admin/keys/{made['id']}"
    assert await api.get(path) == made
    async with api.db.read_tx() as tx:
        row = await tx.session.get_one(KeyRow, made["id"])
        old_digest = row.digest
    assert old_digest == secret.digest(api.ctx.vault.key_pepper)
    assert old_digest != hashlib.sha256(secret.reveal().encode()).digest()

    generation = (await api.state())[0]
    rotated = (await api.call("POST", f"{path}/rotate", status=200)).json()
    fresh = KeySecret(rotated.pop("secret"))
    assert fresh != secret
    assert rotated["version"] == 2
    assert await changes(api, generation) == [("key", made["id"], old_digest)]
    disabled = (await api.call("PATCH", path, {"enabled": False}, status=200)).json()
    assert disabled["status"] == "disabled"
    expired = (
        await api.call("PATCH", path, {"enabled": True, "expires_at": "2020-01-01T00:00:00Z"}, status=200)
    ).json()
    assert expired["status"] == "expired"
    wide = (await api.call("PATCH", path, {"models": None, "endpoints": None, "expires_at": None}, status=200)).json()
    assert (wide["models"], wide["endpoints"], wide["status"]) == (None, None, "active")
    generation = (await api.state())[0]
    await api.call("DELETE", path, status=204)
    assert await changes(api, generation) == [("key", made["id"], fresh.digest(api.ctx.vault.key_pepper))]
    await api.call("GET", path, status=404)
    assert (await api.get("/api/admin/keys"))["data"] == []
    audit = (await api.call("GET", "/api/admin/audit", status=200)).text
    assert secret.reveal() not in audit
    assert fresh.reveal() not in audit


async def test_a_key_never_widens_its_account(api: Api) -> None:
    await api.make("/api/admin/groups", {"name": "small", "models": ["gpt-*"]})
    await api.make("/api/admin/groups", {"name": "extra", "models": ["claude"]})
    account = await api.account(group="small", extra_groups=["extra"])

    async def refused(body: dict[str, Any]) -> str:
        answer = await api.call("POST", "/api/admin/keys", {"name": "k", "account_id": account} | body, status=422)
        return str(answer.json()["errors"][0]["field"])

    assert await refused({"group": "default"}) == "group"
    assert await refused({"models": ["gpt-4", "claude"]}) == "models[1]"
    key = await api.make(
        "/api/admin/keys", {"name": "k", "account_id": account, "group": "extra", "models": ["claude"]}
    )
    path = f"/api/admin/keys/{key['id']}"
    answer = await api.call("PATCH", path, {"group": None}, status=422)
    assert answer.json()["errors"][0]["field"] == "models[0]"
    await api.call("PATCH", path, {"group": None, "models": ["*"]}, status=200)


async def test_user_comes_with_a_personal_account(api: Api) -> None:
    made = await api.user("Ada@Example.com", language="de-AT")
    assert (made["email"], made["role"], made["language"]) == ("ada@example.com", "user", "de-AT")
    assert await api.get(f"/api/admin/users/{made['id']}") == made
    assert (await api.get("/api/admin/users?q=ADA@"))["data"] == [made]
    account = await api.get(f"/api/admin/accounts/{made['account_id']}")
    assert (account["kind"], account["name"]) == ("personal", "Ada")
    assert "argon2" not in (await api.call("GET", "/api/admin/audit", status=200)).text


@pytest.mark.parametrize("header", ['"1"', "1", 'W/"1"'])
async def test_a_stale_version_is_refused(api: Api, header: str) -> None:
    await api.upstream()
    await api.model()
    account = await api.account()
    key = await api.make("/api/admin/keys", {"name": "k", "account_id": account})
    targets = [
        ("/api/admin/groups/default", {"description": "new"}),
        ("/api/admin/upstreams/up", {"enabled": False}),
        ("/api/admin/models/m", {"enabled": False}),
        (f"/api/admin/accounts/{account}", {"name": "New"}),
        (f"/api/admin/keys/{key['id']}", {"name": "new"}),
    ]
    for path, body in targets:
        await api.call("PATCH", path, body, headers={"if-match": header}, status=200)
        before = await api.state()
        answer = await api.call("PATCH", path, {}, headers={"if-match": header}, status=412)
        assert answer.json()["code"] == "stale_version"
        if "accounts" not in path:
            await api.call("DELETE", path, headers={"if-match": header}, status=412)
        assert await api.state() == before
        await api.call("PATCH", path, {}, headers={"if-match": "*"}, status=200)
        await api.call("PATCH", path, {}, headers={"if-match": '"2"'}, status=200)


async def test_members_make_so_many_keys_and_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEYS_PER_ACCOUNT_MAX", 2)
    person = await api.user()
    browser = await api.sign_in()
    for _ in range(2):
        await api.call("POST", "/api/keys", {"name": "k"}, operator=False, headers=browser, status=201)
    answer = await api.call("POST", "/api/keys", {"name": "k"}, operator=False, headers=browser, status=409)
    assert answer.json()["code"] == "conflict"
    await api.make("/api/admin/keys", {"name": "k", "account_id": person["account_id"]})
