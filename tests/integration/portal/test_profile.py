"""The profile: what people change about themselves, and what follows them from page to page."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.conftest import PASSWORD, Api
from tests.integration.portal.browser import Browser, text_of, value_of
from tollway.portal.frame.translate import words
from tollway.portal.profile.agents import browser as named

pytestmark = pytest.mark.integration

SAME = {"name": "Ada", "language": "en", "theme": "system"}


async def test_it_shows_who_one_is(api: Api) -> None:
    browser = await Browser.signed_in(api)
    page = await browser.open("/profile")
    assert value_of(page, "name") == "Ada"
    assert "ada@example.com" in text_of(page)
    assert "Owner" in text_of(page)
    assert 'action="/sign-out"' in page


async def test_a_stranger_is_sent_to_sign_in(api: Api) -> None:
    asked = await Browser(api).send("GET", "/profile")
    assert asked.headers["location"] == "/sign-in?next=%2Fprofile"


async def test_name_language_and_theme_are_kept(api: Api) -> None:
    browser = await Browser.signed_in(api)
    done = await browser.submit("/profile", {"name": "Ada Byron", "language": "vi", "theme": "dark"})
    assert done.headers["location"] == "/profile?done=saved"
    page = await browser.open(done.headers["location"])
    assert '<html lang="vi" data-theme="dark"' in page
    assert value_of(page, "name") == "Ada Byron"
    me = (await browser.send("GET", "/api/me")).json()["user"]
    assert (me["name"], me["language"]) == ("Ada Byron", "vi")


async def test_the_language_follows_to_another_browser(api: Api) -> None:
    await (await Browser.signed_in(api)).submit("/profile", SAME | {"language": "vi"})
    assert '<html lang="vi"' in await (await another_browser(api)).open("/profile")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"language": "xx"}, "language"),
        ({"theme": "pink"}, "theme"),
    ],
)
async def test_a_wrong_field_is_named_and_changes_nothing(api: Api, fields: dict[str, str], place: str) -> None:
    browser = await Browser.signed_in(api)
    before = await api.state()
    typed = {"name": "Countess", "language": "en", "theme": "dark"} | fields
    answer = await browser.submit("/profile", typed, 422)
    assert f'id="field-{place}-error"' in answer.text
    if place != "name":
        assert value_of(answer.text, "name") == "Countess"
    assert re.search(r'<option value="dark" selected>', answer.text) or place == "theme"
    assert await api.state() == before
    assert "tollway-theme" not in browser.cookies


OTHER = "another horse battery"


async def another_browser(api: Api) -> Browser:
    browser = Browser(api)
    name, _, value = (await api.sign_in())["cookie"].partition("=")
    browser.cookies[name] = value
    return browser


async def is_in(browser: Browser) -> bool:
    return (await browser.send("GET", "/profile")).status_code == 200


async def test_changing_the_password_signs_out_everywhere_else(api: Api) -> None:
    browser = await Browser.signed_in(api)
    other = await another_browser(api)
    done = await browser.submit("/profile/password", {"current": PASSWORD, "new": OTHER}, page="/profile")
    assert done.headers["location"] == "/profile?done=password"
    assert "The password is changed" in await browser.open(done.headers["location"])
    assert not await is_in(other)
    await browser.submit("/profile", SAME)
    await api.sign_in(password=OTHER)


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"current": "wrong password"}, "current", "This is not your password."),
        ({"new": "short"}, "new", "must have at least 8 characters"),
        ({"new": ""}, "new", "must have at least 8 characters"),
        ({"new": PASSWORD}, "new", "must differ from the password you have now"),
    ],
)
async def test_a_refused_password_changes_nothing(api: Api, fields: dict[str, str], place: str, words: str) -> None:
    browser = await Browser.signed_in(api)
    other = await another_browser(api)
    typed = {"current": PASSWORD, "new": OTHER} | fields
    answer = await browser.submit("/profile/password", typed, 422, page="/profile")
    assert f'id="field-{place}-error"' in answer.text
    assert words in text_of(answer.text)
    assert not [text for text in (PASSWORD, OTHER) if text in answer.text]
    assert value_of(answer.text, "name") == "Ada", "the other form is as it was"
    assert await is_in(other)
    await api.sign_in()


async def test_guessing_the_password_by_a_stolen_session_is_braked(api: Api) -> None:
    browser = await Browser.signed_in(api)
    wrong = {"current": "wrong password", "new": OTHER}
    for _ in range(10):
        await browser.submit("/profile/password", wrong, 422, page="/profile")
    answer = await browser.submit("/profile/password", wrong | {"current": PASSWORD}, 429, page="/profile")
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many wrong tries" in answer.text


async def test_sessions_are_listed_and_ended(api: Api) -> None:
    browser = await Browser.signed_in(api)
    assert "Sign out all others" not in await browser.open("/profile")
    second, third = await another_browser(api), await another_browser(api)
    page = await browser.open("/profile")
    assert page.count("This browser") == 1
    handles = re.findall(r'name="session" value="(ses_[0-9a-f]+)"', page)
    assert len(handles) == 2, "one's own is not ended here but by signing out"

    done = await browser.submit("/profile/sessions", {"session": handles[0]}, page="/profile")
    assert done.headers["location"] == "/profile?done=ended"
    assert [await is_in(one) for one in (browser, second, third)].count(True) == 2
    again = await browser.submit("/profile/sessions", {"session": handles[0]}, page="/profile")
    assert again.headers["location"] == "/profile?done=ended"

    done = await browser.submit("/profile/sessions", {}, page="/profile")
    assert done.headers["location"] == "/profile?done=others"
    assert [await is_in(one) for one in (browser, second, third)] == [True, False, False]


async def test_nobody_ends_the_sessions_of_others(api: Api) -> None:
    ada = await Browser.signed_in(api)
    handle = (await ada.send("GET", "/api/me/sessions")).json()["data"][0]["id"]
    eve = await Browser.signed_in(api, "eve@example.com")
    await eve.submit("/profile/sessions", {"session": handle}, page="/profile")
    await eve.submit("/profile/sessions", {}, page="/profile")
    assert await is_in(ada)
    assert (await eve.post("/profile/sessions", {"session": handle}, csrf=False)).status_code == 403


async def test_ending_the_own_session_signs_out(api: Api) -> None:
    browser = await Browser.signed_in(api)
    handle = (await browser.send("GET", "/api/me/sessions")).json()["data"][0]["id"]
    done = await browser.submit("/profile/sessions", {"session": handle}, page="/profile")
    assert done.headers["location"] == "/docs"
    assert not await is_in(browser)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 "
            "Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("<b>" + "x" * 100, "<b>" + "x" * 37),
        ("", "Unknown"),
    ],
)
def test_a_browser_is_named_as_its_owner_knows_it(agent: str, name: str) -> None:
    assert named(agent, words("en")) == name
