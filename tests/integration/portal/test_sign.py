"""Getting in: the set-up link, signing in and out, and where each of them leads."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.conftest import PASSWORD, Api
from tests.integration.api.test_setup import token
from tests.integration.portal.browser import Browser, text_of, value_of

pytestmark = pytest.mark.integration

FORM = {"email": "Op@example.com", "name": "Op", "password": PASSWORD}


async def test_the_set_up_link_makes_an_operator_who_is_signed_in(api: Api) -> None:
    real = await token(api)
    browser = Browser(api)
    page = await browser.open(f"/setup?token={real}")
    assert value_of(page, "token") == real
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    done = await browser.submit("/setup", FORM | {"token": real}, page=f"/setup?token={real}")
    assert done.headers["location"] == "/operate/upstreams"
    assert "/operate/upstreams/new" in await browser.open("/operate/upstreams"), "the first thing to do"
    me = await browser.send("GET", "/api/me")
    assert (me.json()["user"]["email"], me.json()["user"]["role"]) == ("op@example.com", "operator")


async def test_a_set_up_link_that_is_used_or_unknown_says_what_to_do(api: Api) -> None:
    real = await token(api)
    await api.make("/api/setup", FORM | {"token": real}, operator=False)
    browser = Browser(api)
    for path, status, words in ((f"/setup?token={real}", 410, "has been used"), ("/setup?token=x", 404, "not valid")):
        page = await browser.open(path, status)
        assert words in page
        assert 'href="/sign-in"' in page
    await browser.open("/setup", 404)
    before = await api.state()
    for sent, status in ((real, 410), ("x", 404), ("x" * 200, 404)):
        await browser.submit("/setup", FORM | {"token": sent}, status, page="/sign-in")
    assert await api.state() == before


async def test_a_refused_set_up_form_spends_nothing_and_keeps_what_was_typed(api: Api) -> None:
    real = await token(api)
    browser = Browser(api)
    page = f"/setup?token={real}"
    for fields, name in (
        ({"email": "x"}, "email"),
        ({"email": ""}, "email"),
        ({"name": ""}, "name"),
        ({"password": "short"}, "password"),
        ({"password": ""}, "password"),
    ):
        answer = await browser.submit("/setup", FORM | {"token": real, "name": '"><b>'} | fields, 422, page=page)
        assert f'id="field-{name}-error"' in answer.text, fields
        assert value_of(answer.text, "token") == real
        assert value_of(answer.text, "password") == ""
        if name != "name":
            assert value_of(answer.text, "name") == '"><b>'
    assert (await browser.send("POST", "/setup", data=FORM | {"token": real})).status_code == 403, "no form token"
    evil = {"origin": "http://evil.example"}
    assert (await api.call("POST", "/setup", operator=False, data=FORM, headers=evil)).status_code == 403
    await browser.submit("/setup", FORM | {"token": real}, page=page)


async def test_the_operator_keeps_the_language_of_the_set_up_page(api: Api) -> None:
    real = await token(api)
    browser = Browser(api)
    page = await browser.open(f"/setup?token={real}&lang=vi")
    assert '<html lang="vi"' in page
    await browser.submit("/setup", FORM | {"token": real}, page=f"/setup?token={real}")
    assert (await browser.send("GET", "/api/me")).json()["user"]["language"] == "vi"


async def test_a_form_that_is_none_is_refused(api: Api) -> None:
    browser = Browser(api)
    for path in ("/setup", "/sign-in"):
        for content in (b"", b"\xff\xfe", b"a=1&" * 600, b"token=%00", b"csrf_token=."):
            answer = await browser.send("POST", path, content=content)
            assert answer.status_code in (403, 422), (path, content)


async def test_signing_in_leads_back_to_where_one_wanted_to_go(api: Api) -> None:
    await api.user()
    browser = Browser(api)
    asked = await browser.send("GET", "/keys?q=a")
    assert asked.headers["location"] == "/sign-in?next=%2Fkeys%3Fq%3Da"
    page = await browser.open("/sign-in?next=%2Fkeys%3Fq%3Da")
    wanted = value_of(page, "next")
    who = {"email": " ADA@example.com ", "password": PASSWORD}
    done = await browser.submit("/sign-in", who | {"next": wanted})
    assert done.headers["location"] == "/keys?q=a"
    await browser.open("/keys")
    again = await browser.send("GET", "/sign-in?next=/wallet")
    assert again.headers["location"] == "/wallet", "who is signed in goes on"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/\n/x"]
)
async def test_signing_in_never_leads_to_another_host(api: Api, wanted: str) -> None:
    await api.user()
    browser = Browser(api)
    done = await browser.submit("/sign-in", {"email": "ada@example.com", "password": PASSWORD, "next": wanted})
    assert done.headers["location"] == "/docs"


async def test_a_wrong_password_says_no_more_than_that(api: Api) -> None:
    await api.user()
    browser = Browser(api)
    said = set()
    for email in ("ada@example.com", "nobody@example.com"):
        answer = await browser.submit("/sign-in", {"email": email, "password": "wrong password"}, 422)
        assert value_of(answer.text, "email") == email
        assert value_of(answer.text, "password") == ""
        said.add(text_of(answer.text))
    assert len(said) == 1
    for _ in range(9):
        await browser.submit("/sign-in", {"email": "ada@example.com", "password": "wrong password"}, 422)
    answer = await browser.submit("/sign-in", {"email": "ada@example.com", "password": PASSWORD}, 429)
    assert int(answer.headers["retry-after"]) > 0


async def test_signing_out_ends_the_session(api: Api) -> None:
    browser = await Browser.signed_in(api)
    kept = dict(browser.cookies)
    done = await browser.submit("/sign-out", {}, page="/keys")
    assert done.headers["location"] == "/docs"
    browser.cookies = kept
    asked = await browser.send("GET", "/keys")
    assert asked.headers["location"].startswith("/sign-in"), "the cookie is worthless"


NEW = {"email": "New@example.com", "name": "New", "password": PASSWORD}


async def allow(api: Api, mode: str) -> None:
    await api.call("PATCH", "/api/admin/settings", {"sign_up": mode}, status=200)


async def test_sign_up_is_closed_until_the_operator_opens_it(api: Api) -> None:
    browser = Browser(api)
    page = await browser.open("/sign-up")
    assert "Sign-up is closed" in page
    assert 'action="/sign-up"' not in page
    assert "/sign-up" not in await browser.open("/sign-in")
    before = await api.state()
    answer = await browser.submit("/sign-up", NEW, 403, page="/sign-in")
    assert "Sign-up is closed" in answer.text
    assert await api.state() == before


async def test_who_signs_up_is_signed_in_and_has_an_account(api: Api) -> None:
    await allow(api, "open")
    browser = Browser(api)
    assert 'href="/sign-up"' in await browser.open("/sign-in")
    page = await browser.open("/sign-up?lang=vi")
    assert 'name="invite"' not in page
    done = await browser.submit("/sign-up", NEW)
    assert done.headers["location"] == "/keys"
    assert "/keys/new" in await browser.open("/keys")
    me = (await browser.send("GET", "/api/me")).json()
    assert (me["user"]["email"], me["user"]["role"], me["user"]["language"]) == ("new@example.com", "user", "vi")
    assert [account["role"] for account in me["accounts"]] == ["owner"]
    assert (await browser.send("GET", "/sign-up")).headers["location"] == "/keys"


async def test_an_invite_lets_one_person_in(api: Api) -> None:
    await allow(api, "invite")
    invite = await api.make("/api/admin/invites", {})
    link = invite["link"].removeprefix("http://testserver.local")
    browser = Browser(api)
    page = await browser.open(link)
    assert value_of(page, "invite") == invite["code"]
    assert "field-invite-error" not in page
    await browser.submit("/sign-up", NEW | {"invite": invite["code"]}, page=link)

    late = Browser(api)
    assert "This invite is not valid" in text_of(await late.open(link)), "said before anything is typed"
    other = NEW | {"email": "late@example.com"}
    answer = await late.submit("/sign-up", other | {"invite": invite["code"]}, 422)
    assert 'id="field-invite-error"' in answer.text
    assert value_of(answer.text, "email") == "late@example.com"
    answer = await late.submit("/sign-up", other, 422)
    assert "by invite" in text_of(answer.text)
    users = (await api.get("/api/admin/users"))["data"]
    assert [user["email"] for user in users] == ["new@example.com"]


async def test_a_refused_sign_up_keeps_what_was_typed(api: Api) -> None:
    await allow(api, "open")
    await api.user("taken@example.com")
    browser = Browser(api)
    for fields, name, status in (
        ({"email": "x"}, "email", 422),
        ({"email": "TAKEN@example.com"}, "email", 409),
        ({"name": ""}, "name", 422),
        ({"password": "short"}, "password", 422),
    ):
        answer = await browser.submit("/sign-up", NEW | fields, status)
        assert f'id="field-{name}-error"' in answer.text, fields
        assert value_of(answer.text, "email") == (NEW | fields)["email"]
        assert value_of(answer.text, "password") == ""
    for _ in range(9):
        await browser.submit("/sign-up", NEW | {"email": "taken@example.com"}, 409)
    answer = await browser.submit("/sign-up", NEW, 429)
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many sign-ups" in answer.text
    assert value_of(answer.text, "name") == "New"


async def test_a_sign_out_after_the_session_ended_leads_back_to_a_page(api: Api) -> None:
    answer = await api.call(
        "POST", "/sign-out", operator=False, headers={"origin": "http://testserver.local"}, status=303
    )
    assert answer.headers["location"] == "/sign-in?next=%2Fdocs"
