"""Keys in the portal: made with a call that works, changed, rotated, revoked; each only by whom the account lets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.browser import Browser, text_of, value_of
from tollway.db.tables import AccountRow, KeyRow, MembershipRow

pytestmark = pytest.mark.integration

SECRET = re.compile(r"sk-tw-[A-Za-z0-9]{20,}")


async def catalogue(api: Api) -> None:
    await api.upstream()
    await api.model("chat-a", routes=[{"upstream": "up"}])
    await api.model("chat-b", routes=[{"upstream": "up"}])


async def make_key(browser: Browser, **fields: str | list[str]) -> tuple[str, str]:
    """Id and secret of a new key."""
    shown = await browser.submit("/keys/new", {"name": "ci", **fields}, 201)
    key_id = re.search(r'data-secret-page="/keys/([^"]+)"', shown.text)
    secret = SECRET.search(shown.text)
    assert key_id is not None
    assert secret is not None
    return key_id.group(1), secret.group()


async def rows(api: Api) -> list[Any]:
    return list((await api.get("/api/admin/keys"))["data"])


async def join(api: Api, account: str, email: str, role: str) -> Browser:
    """A signed-in user who is in the account with this role, and looks at it."""
    browser = await Browser.signed_in(api, email)
    user = (await api.get(f"/api/admin/users?q={email}"))["data"][0]["id"]
    async with api.db.write_tx() as tx:
        tx.add(MembershipRow(account_id=account, user_id=user, role=role, personal=False))
    browser.cookies["tollway-account"] = account
    return browser


async def test_an_account_without_keys_is_taught_the_first_call(api: Api) -> None:
    browser = await Browser.signed_in(api)
    assert "chat/completions" not in await browser.open("/keys"), "no model, no call"
    await catalogue(api)
    page = await browser.open("/keys")
    assert "No key yet" in page
    assert "http://testserver.local/v1/chat/completions" in page
    assert "$YOUR_API_KEY" in page
    assert '"model": "chat-a"' in text_of(page)
    assert 'href="/keys/new"' in page


async def test_a_name_makes_a_key_and_the_secret_is_shown_once(api: Api) -> None:
    await catalogue(api)
    browser = await Browser.signed_in(api)
    shown = await browser.submit("/keys/new", {"name": "ci"}, 201)
    assert shown.headers["cache-control"] == "no-store"
    assert int(shown.headers["x-tollway-generation"]) == (await api.state())[0]
    secrets = set(SECRET.findall(shown.text))
    assert len(secrets) == 1
    assert f"Authorization: Bearer {secrets.copy().pop()}" in text_of(shown.text), "the call is ready to be pasted"
    assert '"model": "chat-a"' in text_of(shown.text)
    (row,) = await rows(api)
    assert (row["name"], row["models"], row["group"], row["expires_at"]) == ("ci", None, None, None)
    for path in ("/keys", f"/keys/{row['id']}"):
        page = await browser.open(path)
        assert not SECRET.search(page)
        assert row["hint"] in page


async def test_what_is_asked_for_is_what_the_key_gets(api: Api) -> None:
    await catalogue(api)
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(
        browser,
        models=["chat-b"],
        patterns="gpt-*,\nchat-a\n",
        endpoints=["chat", "embeddings"],
        rpm="60",
        expires_at="2030-12-31T18:00",
        allow_ips="10.0.0.1/8\n2001:db8::1",
    )
    (row,) = await rows(api)
    assert row["models"] == ["chat-b", "gpt-*", "chat-a"]
    assert row["endpoints"] == ["chat", "embeddings"]
    assert row["limits"] == {"rpm": 60, "tpm": None, "concurrency": None}
    assert row["expires_at"] == "2030-12-31T18:00:00Z"
    assert row["allow_ips"] == ["10.0.0.0/8", "2001:db8::1/128"]
    page = await browser.open(f"/keys/{key_id}")
    assert value_of(page, "rpm") == "60"
    assert value_of(page, "expires_at") == "2030-12-31T18:00"
    assert ">gpt-*</textarea>" in page
    ticked = re.findall(r'name="(?:models|endpoints)" value="([^"]+)" checked', page)
    assert sorted(ticked) == ["chat", "chat-a", "chat-b", "embeddings"]


async def test_the_call_fits_the_key(api: Api) -> None:
    await catalogue(api)
    await api.model("vec", kind="embedding", output_modalities=["embedding"], routes=[{"upstream": "up"}])
    browser = await Browser.signed_in(api)
    shown = await browser.submit("/keys/new", {"name": "b", "models": "chat-b"}, 201)
    assert '"model": "chat-b"' in text_of(shown.text)
    shown = await browser.submit("/keys/new", {"name": "e", "endpoints": "embeddings"}, 201)
    assert '"model": "vec"' in text_of(shown.text)
    shown = await browser.submit("/keys/new", {"name": "none", "patterns": "nothing-*"}, 201)
    assert "curl " not in text_of(shown.text)


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"name": ""}, "field-name", "is required"),
        ({"name": "x" * 101}, "field-name", "must have at most 100 characters"),
        ({"rpm": "many"}, "field-rpm", "must be a whole number"),
        ({"rpm": "0"}, "field-rpm", "must be at least 1"),
        ({"expires_at": "soon"}, "field-expires_at", "must be a day and a time"),
        ({"expires_at": "0001-01-01T00:00+14:00"}, "field-expires_at", "must be a day and a time"),
        ({"allow_ips": "10.0.0.1\nhome"}, "field-allow_ips", "home: is not an IP address or CIDR range"),
        ({"patterns": "chat-a\nü"}, "boxes-models", "ü: has characters that are not allowed here"),
        ({"patterns": "gone"}, "boxes-models", "gone: "),
        ({"endpoints": "teleport"}, "boxes-endpoints", "choose one of the list"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_lost(
    api: Api, fields: dict[str, str], place: str, words: str
) -> None:
    await catalogue(api)
    await api.call("PATCH", "/api/admin/groups/default", {"models": ["chat-*"]}, status=200)
    browser = await Browser.signed_in(api)
    before = await api.state()
    typed = {"name": "my <key>", "rpm": "7", "expires_at": "2031-01-02T03:04", "allow_ips": "10.1.1.1"} | fields
    answer = await browser.submit("/keys/new", typed, 422)
    error = re.search(rf'id="{place}-error">(?:<svg.*?</svg>)?([^<]*)<', answer.text, re.DOTALL)
    assert error, text_of(answer.text)
    assert words in error.group(1).replace("&#39;", "'")
    for name in ("name", "rpm", "expires_at"):
        assert value_of(answer.text, name) == typed[name]
    assert await api.state() == before
    assert await rows(api) == []


async def test_a_form_of_another_page_is_refused(api: Api) -> None:
    browser = await Browser.signed_in(api)
    for path in ("/keys/new", "/keys/k", "/keys/k/switch", "/keys/k/rotate", "/keys/k/revoke"):
        assert (await browser.post(path, {"name": "x"}, csrf=False)).status_code == 403
    assert (await browser.send("POST", "/keys/new", origin=False, data={"name": "x"})).status_code == 403
    assert await rows(api) == []


async def test_changing_keeps_what_the_form_does_not_show(api: Api) -> None:
    await catalogue(api)
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(browser)
    beyond = {"endpoints": ["chat", "responses"], "limits": {"tpm": 9}, "expires_at": "2030-01-01T00:00:30Z"}
    await api.call("PATCH", f"/api/admin/keys/{key_id}", beyond, status=200)
    page = await browser.open(f"/keys/{key_id}")
    form = {"name": "renamed", "version": value_of(page, "version"), "expires_at": "2030-01-01T00:00", "rpm": "5"}
    done = await browser.submit(f"/keys/{key_id}", form | {"endpoints": "chat"})
    assert done.headers["location"] == f"/keys/{key_id}?done=saved"
    assert "Saved." in await browser.open(done.headers["location"])
    row = await api.get(f"/api/admin/keys/{key_id}")
    assert (row["name"], row["endpoints"]) == ("renamed", ["chat", "responses"])
    assert row["limits"] == {"rpm": 5, "tpm": 9, "concurrency": None}
    assert row["expires_at"] == "2030-01-01T00:00:30Z"


async def test_a_stale_form_saves_nothing_and_keeps_what_was_typed(api: Api) -> None:
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(browser)
    version = value_of(await browser.open(f"/keys/{key_id}"), "version")
    await api.call("PATCH", f"/api/admin/keys/{key_id}", {"name": "theirs"}, status=200)
    answer = await browser.submit(f"/keys/{key_id}", {"name": "mine", "version": version}, 412)
    assert "Nothing was saved" in answer.text
    assert value_of(answer.text, "name") == "mine"
    assert (await api.get(f"/api/admin/keys/{key_id}"))["name"] == "theirs"
    again = {"name": "mine", "version": value_of(answer.text, "version")}
    await browser.submit(f"/keys/{key_id}", again)
    assert (await api.get(f"/api/admin/keys/{key_id}"))["name"] == "mine"


async def test_disable_and_enable(api: Api) -> None:
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(browser)
    for enabled, status, code in (("false", "disabled", "disabled"), ("true", "active", "enabled")):
        done = await browser.submit(f"/keys/{key_id}/switch", {"enabled": enabled}, page=f"/keys/{key_id}")
        assert done.headers["location"] == f"/keys/{key_id}?done={code}"
        assert int(done.headers["x-tollway-generation"]) == (await api.state())[0]
        assert (await api.get(f"/api/admin/keys/{key_id}"))["status"] == status


async def test_rotating_gives_another_secret_once_however_often_it_is_sent(api: Api) -> None:
    browser = await Browser.signed_in(api)
    key_id, first = await make_key(browser)
    page = await browser.open(f"/keys/{key_id}/rotate")
    form = {"version": value_of(page, "version")}
    shown = await browser.submit(f"/keys/{key_id}/rotate", form, 200)
    (second,) = set(SECRET.findall(shown.text))
    assert second != first
    hint = (await api.get(f"/api/admin/keys/{key_id}"))["hint"]
    again = await browser.submit(f"/keys/{key_id}/rotate", form, 412)
    assert not SECRET.search(again.text)
    assert (await api.get(f"/api/admin/keys/{key_id}"))["hint"] == hint


async def test_revoking_asks_for_the_name(api: Api) -> None:
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(browser)
    page = await browser.open(f"/keys/{key_id}/revoke")
    version = value_of(page, "version")
    wrong = await browser.submit(f"/keys/{key_id}/revoke", {"version": version, "confirm": "cj"}, 422)
    assert 'id="field-confirm-error"' in wrong.text
    assert value_of(wrong.text, "confirm") == "cj"
    assert len(await rows(api)) == 1
    done = await browser.submit(f"/keys/{key_id}/revoke", {"version": version, "confirm": "ci"})
    assert done.headers["location"] == "/keys?done=revoked"
    assert await rows(api) == []
    await browser.open(f"/keys/{key_id}", 404)
    page = await browser.open("/keys?done=revoked")
    assert "The key is revoked." in page


async def test_a_member_changes_his_own_keys_only(api: Api) -> None:
    account = await api.account(extra_groups=[])
    owner = await join(api, account, "owner@example.com", "owner")
    member = await join(api, account, "member@example.com", "member")
    viewer = await join(api, account, "viewer@example.com", "viewer")
    theirs, _ = await make_key(owner)
    mine, _ = await make_key(member, name="mine")

    page = await member.open(f"/keys/{theirs}")
    assert "was made by somebody else" in page
    assert "Save changes" not in page
    for action in ("", "/switch", "/rotate", "/revoke"):
        form = {"name": "x", "version": "1", "enabled": "false", "confirm": "ci"}
        answer = await member.post(f"/keys/{theirs}{action}", form, page="/keys/new")
        assert answer.status_code == 403, action
    for action in ("rotate", "revoke"):
        await member.open(f"/keys/{theirs}/{action}", 403)
    row = await api.get(f"/api/admin/keys/{theirs}")
    assert (row["name"], row["enabled"], row["version"]) == ("ci", True, 1)

    version = value_of(await owner.open(f"/keys/{mine}"), "version")
    await owner.submit(f"/keys/{mine}", {"name": "ours", "version": version})

    page = await viewer.open("/keys")
    assert "ours" in page
    assert "/keys/new" not in page
    assert "Save changes" not in await viewer.open(f"/keys/{mine}")
    await viewer.open("/keys/new", 403)
    assert (await viewer.post("/keys/new", {"name": "x"}, page="/keys")).status_code == 403
    assert len(await rows(api)) == 2


async def test_keys_of_other_accounts_do_not_exist(api: Api) -> None:
    ada = await Browser.signed_in(api)
    eve = await Browser.signed_in(api, "eve@example.com")
    key_id, _ = await make_key(ada)
    for path in (f"/keys/{key_id}", f"/keys/{key_id}/rotate", f"/keys/{key_id}/revoke", "/keys/nope"):
        await eve.open(path, 404)
    for action in ("", "/switch", "/rotate", "/revoke"):
        answer = await eve.post(f"/keys/{key_id}{action}", {"version": "1", "confirm": "ci"}, page="/keys/new")
        assert answer.status_code == 404
    assert key_id not in await eve.open("/keys")


async def test_a_group_is_a_choice_where_there_is_one(api: Api) -> None:
    browser = await Browser.signed_in(api)
    assert 'name="group"' not in await browser.open("/keys/new")
    await make_key(browser, group="vip")
    assert (await rows(api))[0]["group"] is None, "a group that was not offered is not taken"
    await api.make("/api/admin/groups", {"name": "vip", "models": ["*"]})
    account = (await rows(api))[0]["account_id"]
    await api.call("PATCH", f"/api/admin/accounts/{account}", {"extra_groups": ["vip"]}, status=200)
    key_id, _ = await make_key(browser, name="vip", group="vip")
    assert (await api.get(f"/api/admin/keys/{key_id}"))["group"] == "vip"
    assert '<option value="vip" selected>' in await browser.open(f"/keys/{key_id}")
    assert (await browser.submit("/keys/new", {"name": "x", "group": "other"}, 422)).text.count(
        "field-group-error"
    ) == 2


async def test_the_list_is_searched_and_paged(api: Api) -> None:
    browser = await Browser.signed_in(api)
    for n in range(5):
        await make_key(browser, name=f"key {n}")
    page = await browser.open("/keys?limit=2")
    seen = re.findall(r">(key \d)<", page)
    while link := re.search(r'rel="next" href="([^"]+)"', page):
        page = await browser.open(link.group(1).replace("&amp;", "&"))
        seen += re.findall(r">(key \d)<", page)
    assert seen == [f"key {n}" for n in (4, 3, 2, 1, 0)]
    assert re.findall(r">(key \d)<", await browser.open("/keys?q=key+3")) == ["key 3"]
    assert "No key matches" in await browser.open("/keys?q=%3Cscript%3E")
    await browser.open("/keys?cursor=nonsense", 422)


async def test_an_expired_key_says_so(api: Api) -> None:
    browser = await Browser.signed_in(api)
    key_id, _ = await make_key(browser, expires_at="2020-01-01T00:00")
    assert "Expired" in await browser.open("/keys")
    async with api.db.read_tx() as tx:
        row = await tx.session.get_one(KeyRow, key_id)
        assert row.expires_at is not None
        assert (await tx.session.get_one(AccountRow, row.account_id)).group_name == "default"
