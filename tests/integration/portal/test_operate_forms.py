"""The operators' forms: what they write, what they refuse and by which field, and that what was typed stays."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.operators import Browser, Forms, filled

pytestmark = pytest.mark.integration

SECRET = "sk-" + "a" * 40
Typed = Mapping[str, str | Sequence[str] | None]


async def test_an_upstream_is_made_changed_and_deleted(api: Api) -> None:
    operator = await Browser.of(api)
    new = {
        "name": "main",
        "base_url": "https://api.example.com/v1/",
        "secret": SECRET,
        "timeouts.connect_ms": "1500",
        "headers": "X-Title: Tollway\nHTTP-Referer: https://example.com",
    }
    answer = await operator.send("/operate/upstreams/new", new)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operate/upstreams/edit/main?done=created")
    assert "x-tollway-generation" in answer.headers
    assert "Created." in await operator.get(answer.headers["location"])
    stored = await api.get("/api/admin/upstreams/main")
    assert stored["base_url"] == "https://api.example.com/v1"
    assert stored["timeouts"] == {"connect_ms": 1500}
    assert stored["headers"] == {"x-title": "Tollway", "http-referer": "https://example.com"}
    assert stored["enabled"]
    assert not stored["allow_private_address"]
    credential = stored["credentials"][0]["id"]

    page = "/operate/upstreams/edit/main"
    assert SECRET not in await operator.get(page)
    changes: Typed = {"secret": "another-" + "b" * 40, f"remove-{credential}": "on", "enabled": None}
    answer = await operator.send(page, {**changes, "timeouts.connect_ms": "", "timeouts.idle_ms": "9000"})
    assert answer.status_code == 303, answer.text
    changed = await api.get("/api/admin/upstreams/main")
    assert [c["id"] for c in changed["credentials"]] != [credential]
    assert len(changed["credentials"]) == 1
    assert not changed["enabled"]
    assert changed["timeouts"] == {"idle_ms": 9000}
    # Saving what the page shows changes nothing.
    answer = await operator.send(page, {}, field="base_url")
    assert answer.status_code == 303
    assert await api.get("/api/admin/upstreams/main") == changed

    answer = await operator.send(page, {"confirm": "mian"}, do="delete")
    assert answer.status_code == 422
    assert Forms(answer.text).errors["field-confirm"] == "Type main to confirm"
    answer = await operator.send(page, {"confirm": "main"}, do="delete")
    assert answer.headers["location"] == "/operate/upstreams?done=deleted"
    await operator.get(page, 404)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"base_url": "ftp://x"}, "base_url", "must be an http or https URL, such as https://api.example.com/v1"),
        ({"base_url": "https://a:b@x/"}, "base_url", "must not carry a user or password"),
        ({"base_url": ""}, "base_url", "is required"),
        ({"name": "a b"}, "name", "has characters that are not allowed here"),
        ({"name": ""}, "name", "is required"),
        ({"name": "taken"}, "name", "There is one with the name taken already."),
        ({"secret": "with space"}, "secret", "has characters that are not allowed here"),
        ({"timeouts.tls_ms": "soon"}, "timeouts.tls_ms", "must be a whole number"),
        ({"timeouts.tls_ms": "0"}, "timeouts.tls_ms", "must be at least 1"),
        ({"headers": "no colon"}, "headers", "write each header as Name: value, one a line"),
        ({"headers": "Host: x"}, "headers", "One of these headers is set by the gateway itself."),
        ({"headers": "Authorization: x"}, "headers", "One of these headers carries a secret"),
        ({"provider": "nobody"}, "provider", "choose one of the list"),
    ],
)
async def test_an_upstream_that_is_refused(api: Api, typed: Typed, field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    await api.upstream("taken")
    good = {
        "name": "n",
        "base_url": "https://x.example/v1",
        "headers": "X-A: b",
        "timeouts.idle_ms": "77",
        "secret": SECRET,
    }
    await refused(api, operator, "/operate/upstreams/new", {**good, **typed}, field, sentence)


async def refused(api: Api, operator: Browser, path: str, typed: Typed, field: str, sentence: str) -> None:
    """Nothing is stored, the field is named, and all that was typed is still there, secrets excepted."""
    before = await api.state()
    answer = await operator.send(path, typed)
    assert answer.status_code in (409, 422), answer.text
    page = Forms(answer.text)
    said = next(text for name, text in page.errors.items() if name in (f"field-{field.replace('.', '-')}", field))
    assert sentence in said
    assert page.alerts == ["Something needs your attention below."]
    for name, value in typed.items():
        if isinstance(value, str) and name not in ("secret", "password", "provider", "kind", "role"):
            assert page.value(name) == value, name
    assert SECRET not in answer.text
    assert await api.state() == before


async def test_an_upstream_that_models_use_stays(api: Api) -> None:
    operator = await Browser.of(api)
    await api.upstream("up")
    await api.model("m", routes=[{"upstream": "up"}])
    answer = await operator.send("/operate/upstreams/edit/up", {"confirm": "up"}, do="delete")
    assert answer.status_code == 409
    assert Forms(answer.text).alerts == ["Models route to this upstream: m. Change their routes first."]
    assert Forms(answer.text).value("confirm") == "up"


async def test_a_model_is_made_changed_and_deleted(api: Api) -> None:
    operator = await Browser.of(api)
    await api.upstream("a")
    await api.upstream("b")
    new: Typed = {
        "name": "team/chat-1",
        "owned_by": "us",
        "prices.input": "0.15",
        "prices.cache_read": "0.075",
        "prices.output": "0.60",
        "prices.audio_input": "1",
        "context_length": "128000",
        "input_modalities": ["text", "image"],
        "route-0-upstream": "a",
        "route-1-upstream": "b",
        "route-1-upstream_model": "other-name",
        "route-1-priority": "1",
        "route-1-weight": "5",
        "limits.rpm": "60",
    }
    answer = await operator.send("/operate/models/new", new)
    assert (answer.status_code, answer.headers.get("location")) == (
        303,
        "/operate/models/edit/team/chat-1?done=created",
    ), answer.text
    stored = await api.get("/api/admin/models/team/chat-1")
    assert stored["prices"] == {"input": "0.15", "cache_read": "0.075", "output": "0.60", "audio_input": "1.00"}
    assert stored["input_modalities"] == ["text", "image"]
    assert stored["output_modalities"] == ["text"]
    assert stored["limits"]["rpm"] == 60
    assert stored["routes"] == [
        {"upstream": "a", "upstream_model": "team/chat-1", "priority": 0, "weight": 1},
        {"upstream": "b", "upstream_model": "other-name", "priority": 1, "weight": 5},
    ]
    page = answer.headers["location"].partition("?")[0]
    answer = await operator.send(page, {}, field="prices.input")
    assert answer.status_code == 303
    assert await api.get("/api/admin/models/team/chat-1") == stored, "saving what the page shows changes nothing"

    # The first route goes, its row stays empty; a price goes, another comes.
    changes: Typed = {
        "route-0-upstream": "",
        "route-0-upstream_model": "",
        "prices.audio_input": "",
        "prices.input": "0.2",
    }
    assert (await operator.send(page, changes)).status_code == 303
    changed = await api.get("/api/admin/models/team/chat-1")
    assert [route["upstream"] for route in changed["routes"]] == ["b"]
    assert changed["prices"] == {"input": "0.20", "cache_read": "0.075", "output": "0.60"}

    answer = await operator.send(page, {"confirm": "team/chat-1"}, do="delete")
    assert answer.headers["location"] == "/operate/models?done=deleted"
    await operator.get(page, 404)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"prices.input": "0,15"}, "prices.input", "must be a decimal number, such as 12.50"),
        ({"prices.output": "0.0000001"}, "prices.output", "has more than 6 decimal places"),
        ({"prices.second": "-1"}, "prices.second", "must not be negative"),
        ({"prices.output": ""}, "prices.output", "is required for a model of this kind; 0 is a price"),
        ({"name": "two words"}, "name", "has characters that are not allowed here"),
        ({"name": "taken"}, "name", "There is one with the name taken already."),
        (
            {"context_length": "10", "max_output_tokens": "11"},
            "max_output_tokens",
            "must not be larger than the context",
        ),
        ({"limits.rpm": "0"}, "limits.rpm", "must be at least 1"),
        ({"input_modalities": None}, "input_modalities", "is required"),
        ({"kind": "juggling"}, "kind", "choose one of the list"),
        ({"route-1-upstream": "gone"}, "route-1-upstream", "there is no gone"),
        ({"route-1-upstream_model": "x"}, "route-1-upstream", "choose an upstream, or empty the row"),
        ({"route-1-upstream": "a", "route-1-weight": "much"}, "route-1-weight", "must be a whole number"),
        ({"route-1-upstream": "a", "route-1-priority": "1001"}, "route-1-priority", "must be at most 1000"),
        (
            {"route-0-upstream": "", "route-1-upstream": "a", "route-1-upstream_model": "n\u00e4"},
            "route-1-upstream_model",
            "has characters",
        ),
    ],
)
async def test_a_model_that_is_refused(api: Api, typed: Typed, field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    await api.upstream("a")
    await api.model("taken")
    good: Typed = {
        "name": "n",
        "prices.input": "1",
        "prices.output": "2",
        "route-0-upstream": "a",
        "description": "d\ne",
    }
    await refused(api, operator, "/operate/models/new", {**good, **typed}, field, sentence)


async def test_a_model_without_prices_is_refused_and_a_free_one_is_not(api: Api) -> None:
    operator = await Browser.of(api)
    answer = await operator.send("/operate/models/new?kind=embedding", {"name": "n"})
    assert answer.status_code == 422
    assert "State prices, or tick that the model is free." in answer.text
    answer = await operator.send("/operate/models/new?kind=embedding", {"name": "n", "free": "on"})
    assert answer.status_code == 303
    stored = await api.get("/api/admin/models/n")
    assert (stored["kind"], stored["free"], stored["output_modalities"]) == ("embedding", True, ["embedding"])


async def test_more_rows_are_shown_and_nothing_is_stored_or_lost(api: Api) -> None:
    operator = await Browser.of(api)
    await api.upstream("a")
    before = await api.state()
    typed: Typed = {"name": "n", "prices.input": "what", "route-1-upstream": "a", "route-1-weight": "7"}
    answer = await operator.send("/operate/models/new", typed, do="add-rows")
    assert answer.status_code == 200
    page = Forms(answer.text)
    assert [page.value(f"route-{n}-upstream") for n in range(4)] == ["", "a", "", ""]
    assert page.value("route-1-weight") == "7"
    assert page.value("prices.input") == "what"
    assert not page.errors
    assert await api.state() == before


async def test_a_group_is_made_changed_and_deleted(api: Api) -> None:
    operator = await Browser.of(api)
    new = {"name": "gold", "models": "gpt-*\nclaude-*, other", "price_multiplier": "0.85", "limits.rpm": "100"}
    answer = await operator.send("/operate/groups/new", new)
    assert answer.headers["location"] == "/operate/groups/edit/gold?done=created"
    stored = await api.get("/api/admin/groups/gold")
    assert stored["models"] == ["gpt-*", "claude-*", "other"]
    assert (stored["price_multiplier"], stored["limits"]["rpm"]) == ("0.85", 100)
    page = "/operate/groups/edit/gold"
    assert (await operator.send(page, {"limits.rpm": "", "description": "Partners"})).status_code == 303
    changed = await api.get("/api/admin/groups/gold")
    assert (changed["limits"]["rpm"], changed["description"]) == (None, "Partners")
    account = await api.account(group="gold")
    answer = await operator.send(page, {"confirm": "gold"}, do="delete")
    assert (answer.status_code, "accounts (1)" in answer.text) == (409, True)
    await api.call("PATCH", f"/api/admin/accounts/{account}", {"group": None}, status=200)
    assert (await operator.send(page, {"confirm": "gold"}, do="delete")).status_code == 303
    assert "Delete group" not in await operator.get("/operate/groups/edit/default")


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"name": "default"}, "name", "There is one with the name default already."),
        ({"price_multiplier": "1001"}, "price_multiplier", "must be between 0 and 1000"),
        ({"price_multiplier": ""}, "price_multiplier", "is required"),
        ({"models": " \n "}, "models", "is required"),
        ({"models": "a b c"}, "models", "has characters that are not allowed here"),
        ({"limits.rpm": "1.5"}, "limits.rpm", "must be a whole number"),
    ],
)
async def test_a_group_that_is_refused(api: Api, typed: Typed, field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    await refused(api, operator, "/operate/groups/new", {"name": "n", "description": "d", **typed}, field, sentence)


async def test_accounts_and_users_are_made_and_changed(api: Api) -> None:
    operator = await Browser.of(api)
    await api.make("/api/admin/groups", {"name": "gold"})
    answer = await operator.send("/operate/accounts/new", {"name": "Research", "group": "gold"})
    page = answer.headers["location"].partition("?")[0]
    account = page.rpartition("/")[2]
    stored = await api.get(f"/api/admin/accounts/{account}")
    assert (stored["name"], stored["kind"], stored["group"]) == ("Research", "team", "gold")
    changes: Typed = {"extra_groups": ["default"], "enabled": None, "limits.rpm": "9"}
    answer = await operator.send(page, changes, field="limits.rpm")
    assert answer.status_code == 303, answer.text
    changed = await api.get(f"/api/admin/accounts/{account}")
    assert (changed["extra_groups"], changed["enabled"], changed["limits"]["rpm"]) == (["default"], False, 9)

    person = {"email": "Grace@example.com", "name": "Grace", "password": "long enough here", "role": "auditor"}
    answer = await operator.send("/operate/accounts/new-user", person)
    assert answer.headers["location"].endswith("?done=user-created")
    html = await operator.get(answer.headers["location"])
    assert "grace@example.com" in html
    await Browser(api, await api.sign_in("grace@example.com", "long enough here")).get("/operate/audit")


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"email": "nobody"}, "email", "has characters that are not allowed here"),
        ({"email": "operator@example.com"}, "email", "A user with this e-mail exists already."),
        ({"name": ""}, "name", "is required"),
        ({"password": "short"}, "password", "must have at least"),
        ({"role": "king"}, "role", "choose one of the list"),
    ],
)
async def test_a_user_that_is_refused(api: Api, typed: Typed, field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    good = {"email": "a@example.com", "name": "A", "password": SECRET}
    await refused(api, operator, "/operate/accounts/new-user", {**good, **typed}, field, sentence)


async def test_an_account_that_is_refused(api: Api) -> None:
    operator = await Browser.of(api)
    await refused(api, operator, "/operate/accounts/new", {"name": " "}, "name", "is required")
    answer = await operator.send("/operate/accounts/new", {"name": "n", "group": "gone"})
    assert Forms(answer.text).errors["field-group"] == "there is no gone"


async def test_a_key_is_disabled_and_enabled(api: Api) -> None:
    operator = await Browser.of(api)
    account, other = await api.account(), await api.account()
    key = await api.make("/api/admin/keys", {"account_id": account, "name": "ci"})
    for do, on in (("disable-key", False), ("enable-key", True)):
        answer = await operator.send(f"/operate/accounts/{account}", {}, do=do, field="key_id")
        assert answer.status_code == 303
        assert (await api.get(f"/api/admin/keys/{key['id']}"))["enabled"] is on
    token = Forms(await operator.get(f"/operate/accounts/{other}")).value("csrf_token")
    foreign = [("csrf_token", token), ("do", "disable-key"), ("key_id", key["id"])]
    assert (await operator.post(f"/operate/accounts/{other}", foreign)).status_code == 404
    assert (await api.get(f"/api/admin/keys/{key['id']}"))["enabled"]


async def test_what_somebody_else_changed_is_not_written_over_unseen(api: Api) -> None:
    operator = await Browser.of(api)
    await api.upstream("up")
    await api.model("m")
    account = await api.account()
    cases = {
        "/operate/upstreams/edit/up": (
            "/api/admin/upstreams/up",
            {"enabled": False},
            {"base_url": "https://mine.example"},
        ),
        "/operate/models/edit/m": ("/api/admin/models/m", {"enabled": False}, {"owned_by": "mine"}),
        "/operate/groups/edit/default": ("/api/admin/groups/default", {"models": ["x"]}, {"description": "mine"}),
        f"/operate/accounts/{account}": (f"/api/admin/accounts/{account}", {"enabled": False}, {"name": "mine"}),
    }
    for page, (path, theirs, mine) in cases.items():
        form = Forms(await operator.get(page)).having(next(iter(mine)))
        await api.call("PATCH", path, theirs, status=200)
        stored = await api.get(path)
        answer = await operator.post(page, [*filled(form, mine), ("do", "save")])
        assert answer.status_code == 412, page
        shown = Forms(answer.text)
        assert "Somebody changed this after you opened it" in shown.alerts[0]
        assert shown.value(next(iter(mine))) == next(iter(mine.values()))
        assert await api.get(path) == stored, "nothing was written"
        # Sent once more it is a decision: the form now carries the version of now.
        again = [*shown.having(next(iter(mine))), ("do", "save")]
        assert (await operator.post(page, again)).status_code == 303
        assert (await api.get(path)) | mine == await api.get(path)


async def test_deleting_what_somebody_else_changed_is_refused(api: Api) -> None:
    operator = await Browser.of(api)
    await api.model("m")
    form = Forms(await operator.get("/operate/models/edit/m")).having("confirm")
    await api.call("PATCH", "/api/admin/models/m", {"enabled": False}, status=200)
    answer = await operator.post("/operate/models/edit/m", [*filled(form, {"confirm": "m"}), ("do", "delete")])
    assert answer.status_code == 412
    await api.get("/api/admin/models/m")


async def wallet(api: Api, account: str) -> tuple[str, int]:
    """What is available, and how many rows the ledger has."""
    rows = (await api.get(f"/api/admin/ledger?account_id={account}"))["data"]
    return (await api.get(f"/api/admin/accounts/{account}"))["wallet"]["available"], len(rows)


async def test_money_moves_once_however_often_its_form_is_sent(api: Api) -> None:
    operator = await Browser.of(api)
    account = await api.account()
    page = f"/operate/accounts/{account}"
    form = Forms(await operator.get(page)).having("amount")
    sent = [*filled(form, {"amount": "12.500000001", "reason": "invoice 17"}), ("do", "credit")]
    answers = await asyncio.gather(*(operator.post(page, sent) for _ in range(4)))
    assert sorted(answer.headers["location"].partition("done=")[2] for answer in answers) == [
        "credited",
        "replayed",
        "replayed",
        "replayed",
    ]
    assert await wallet(api, account) == ("12.500000001", 2)
    # Back, another amount, sent again: the form was used up.
    answer = await operator.post(page, [*filled(form, {"amount": "99", "reason": ""}), ("do", "credit")])
    assert answer.status_code == 409
    assert "Nothing was moved now" in Forms(answer.text).alerts[0]
    assert Forms(answer.text).value("amount") == "99"
    assert Forms(answer.text).value("money_id") != Forms(await operator.get(page)).value("money_id")
    assert await wallet(api, account) == ("12.500000001", 2)
    # The same form to another account is that account's own.
    other = await api.account()
    assert (await operator.post(f"/operate/accounts/{other}", sent)).status_code == 303
    assert (await wallet(api, other))[0] == "12.500000001"


async def test_money_is_taken_back_up_to_what_is_there(api: Api) -> None:
    operator = await Browser.of(api)
    account = await api.account()
    page = f"/operate/accounts/{account}"
    assert (await operator.send(page, {"amount": "10"}, do="credit")).status_code == 303
    answer = await operator.send(page, {"amount": "10.01", "reason": "too much"}, do="debit")
    assert answer.status_code == 409
    assert Forms(answer.text).alerts == ["The wallet has less available than that. Nothing was moved."]
    assert Forms(answer.text).value("amount") == "10.01"
    answer = await operator.send(page, {"amount": "4"}, do="debit")
    assert answer.headers["location"].endswith("?done=taken")
    assert (await wallet(api, account))[0] == "6.00"


@pytest.mark.parametrize("do", ["credit", "debit"])
@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "must be a decimal number"),
        ("0", "must not be zero"),
        ("-5", "must not be negative"),
        ("1e3", "must be a decimal number"),
        ("0.0000000001", "has more than 9 decimal places"),
        ("9999999999", "must be at most 1000000000"),
    ],
)
async def test_money_that_is_refused(api: Api, do: str, amount: str, sentence: str) -> None:
    operator = await Browser.of(api)
    account = await api.account()
    answer = await operator.send(f"/operate/accounts/{account}", {"amount": amount, "reason": "why"}, do=do)
    assert answer.status_code == 422
    page = Forms(answer.text)
    assert sentence in page.errors["field-amount"]
    assert (page.value("amount"), page.value("reason")) == (amount, "why")
    assert await wallet(api, account) == ("0.00", 0)


async def test_refusals_are_in_the_pages_language(api: Api) -> None:
    operator = await Browser.of(api)
    operator.headers["cookie"] += "; tollway-language=vi"
    answer = await operator.send("/operate/groups/new", {"name": "n", "price_multiplier": "x"})
    assert Forms(answer.text).errors["field-price_multiplier"] == "phải là số thập phân, ví dụ 12.50"
    answer = await operator.send("/operate/groups/new", {"name": "default"})
    assert Forms(answer.text).errors["field-name"] == "Đã có mục mang tên default."
