"""What people do on the portal's pages, each test with people of its own: choose a language and a theme, revoke a key,
redeem a code, come back after a session has ended, lose the way, use the keyboard only, use no script at all.

The playground is in test_playground.py.
"""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.integration.portal.test_languages import VIETNAMESE, texts, untranslated
from tests.support.browser import Visitor
from tests.support.pages import PASSWORD, cell, dollars, fact, figure, person
from tests.support.stack import Stack
from tests.support.waiting import until
from tollway.portal.frame.viewer import LANGUAGE_COOKIE, THEME_COOKIE

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

REFUSED_S = 1.0
TABS_MAX = 80
DAY_S = 86_400
GOOD = "main .banner.good"


def _html(page: Page) -> Locator:
    return page.locator("html")


def _kept(visitor: Visitor, name: str) -> tuple[str, bool]:
    """A cookie's value, and whether it is kept for months."""
    now_s = visitor.page.evaluate("Date.now() / 1000")
    found = next(cookie for cookie in visitor.context.cookies() if cookie.get("name") == name)
    return str(found.get("value")), found.get("expires", 0) - now_s > 90 * DAY_S


# Language and theme ---------------------------------------------------------------------------------------------------


def test_the_language_switch_changes_the_whole_page_and_stays(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Linh", "1.25")
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open("/wallet?q=welcome")
        english = texts(page.content())
        assert not [text for text in english if VIETNAMESE.search(text)]
        page.locator(".sidebar").get_by_role("link", name="Tiếng Việt").click()
        expect(_html(page)).to_have_attribute("lang", "vi")
        expect(page.locator("#search-q")).to_have_value("welcome")
        mixed = [text for text in texts(page.content()) if untranslated(text)]
        assert not mixed, mixed
        expect(page.locator(".figure-value").first).to_have_text("1,25 US$")
        assert _kept(visitor, LANGUAGE_COOKIE) == ("vi", True)
        # Kept on other pages, in the catalogue of an error and without the sign-in.
        for path, status in (("/keys", 200), ("/no-such-page", 404)):
            expect(_html(visitor.open(path, status))).to_have_attribute("lang", "vi")
        visitor.open("/profile").locator('form[action="/sign-out"] button').click()
        expect(page.locator(".sidebar").get_by_role("link", name="Đăng nhập")).to_be_visible()
        page.locator(".sidebar").get_by_role("link", name="English").click()
        expect(_html(page)).to_have_attribute("lang", "en")
        assert _kept(visitor, LANGUAGE_COOKIE) == ("en", True)


def _colours(page: Page) -> list[str]:
    """Ground and letters of the page, as they are painted."""
    read = "(() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; })()"
    found: list[str] = page.evaluate(read)
    return found


def test_the_theme_switch_is_kept_and_is_in_the_answer_itself(stack: Stack, chromium: Browser) -> None:
    with Visitor(chromium, stack.url, theme="dark") as visitor:
        dark = _colours(visitor.open("/docs"))
    with Visitor(chromium, stack.url, theme="light") as visitor:
        page = visitor.open("/docs")
        light = _colours(page)
        assert light != dark

        def choose(name: str) -> Locator:
            return page.locator(".sidebar").get_by_role("button", name=name)

        choose("Dark").click()
        expect(choose("Dark")).to_have_attribute("aria-pressed", "true")
        assert _colours(page) == dark
        assert _kept(visitor, THEME_COOKIE) == ("dark", True)
        for path in ("/status", "/models", "/sign-in"):
            answer = page.goto(path)
            assert answer is not None
            # Before any script or style has come, the page knows what it looks like: nothing flashes.
            assert re.search(r'<html [^>]*data-theme="dark"', answer.text())
            assert _colours(page) == dark
        choose("As the system").click()
        expect(_html(page)).to_have_attribute("data-theme", "system")
        expect(choose("As the system")).to_have_attribute("aria-pressed", "true")
        assert _colours(page) == light
        page.emulate_media(color_scheme="dark")
        assert _colours(page) == dark


# Keys and money -------------------------------------------------------------------------------------------------------


def _status(stack: Stack, secret: str) -> int:
    answer = httpx.get(f"{stack.url}/v1/models", headers={"authorization": f"Bearer {secret}"}, timeout=10)
    return answer.status_code


def test_a_revoked_key_is_refused_within_a_second(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Rita")
    key_id, secret = stack.api.key(someone.account, name="old laptop")
    assert _status(stack, secret) == 200
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open(f"/keys/{key_id}")
        page.get_by_role("link", name="Revoke key").click()
        dialog = page.get_by_role("dialog", name="Revoke this key")
        dialog.locator("#field-confirm").fill("new laptop")
        dialog.get_by_role("button", name="Revoke key").click()
        # The wrong name: on a page of its own, what was typed still there, the key alive.
        field = page.locator("main #field-confirm")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("new laptop")
        expect(page.locator("#field-confirm-error")).to_contain_text("old laptop")
        assert _status(stack, secret) == 200
        field.fill("old laptop")
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.locator("main").get_by_role("button", name="Revoke key").click()
        until(lambda: _status(stack, secret) == 401, "the key to be refused", REFUSED_S)
        expect(page.locator(GOOD)).to_have_text("The key is revoked. Calls with it are refused from now on.")
        expect(page.locator("main")).not_to_contain_text("old laptop")


def test_a_code_is_redeemed_once(stack: Stack, chromium: Browser) -> None:
    operator, someone = person(stack, "Omar", role="operator"), person(stack, "Wanda")
    with Visitor(chromium, stack.url) as maker, Visitor(chromium, stack.url) as visitor:
        maker.sign_in(operator.email, PASSWORD)
        made = maker.open("/operate/codes/new")
        made.fill("#field-amount", "2.5")
        made.fill("#field-note", "for Wanda")
        made.get_by_role("button", name="Make codes").click()
        code = made.locator("#codes").inner_text().strip()
        made.get_by_role("link", name="I have saved it").click()
        expect(made.locator("main tr", has_text="for Wanda")).to_be_visible()
        assert code not in made.content()
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open("/wallet")
        expect(page.locator("main .banner.warn")).to_contain_text("There is nothing available.")
        page.fill("#field-code", code.lower().replace("-", " "))
        page.get_by_role("button", name="Redeem code").click()
        expect(page.locator(GOOD)).to_have_text("The code is redeemed, and its money is in the wallet.")
        assert figure(page, "Available") == Decimal("2.50")
        row = page.locator("main tbody tr")
        assert dollars(cell(row, "Amount").inner_text().removeprefix("+")) == Decimal("2.50")
        expect(cell(row, "For")).to_contain_text("Redemption code")
        page.fill("#field-code", code)
        page.get_by_role("button", name="Redeem code").click()
        expect(page.locator("#field-code-error")).to_contain_text(
            re.compile(r"You redeemed this code on .+ UTC\. A code works once\.")
        )
        expect(page.locator("#field-code")).to_have_value(code)
        assert figure(page, "Available") == Decimal("2.50")
        made.reload()
        expect(made.locator("main tr", has_text="for Wanda")).to_contain_text(someone.email)


def test_a_form_that_is_refused_does_not_say_saved_any_more(stack: Stack, chromium: Browser) -> None:
    model = stack.api.model("zz-said-once", "script:bytes=9")
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(person(stack, "Olga", role="operator").email, PASSWORD)
        page = visitor.open(f"/operate/models/edit/{model}")
        for price, says in (("1.25", "Saved."), ("dear", "Something needs your attention below.")):
            page.fill("#field-prices-input", price)
            page.get_by_role("button", name="Save model").click()
            expect(page.locator("main .banner")).to_have_text(re.compile(rf"^\s*{re.escape(says)}\s*$"))
            expect(page.locator("#field-prices-input")).to_have_value(price)


# Where one is ---------------------------------------------------------------------------------------------------------


def test_who_is_signed_out_signs_in_and_is_back(stack: Stack, chromium: Browser) -> None:
    """The session is ended on the server, from another browser: this one still has its cookie and does not know."""
    someone = person(stack, "Erik")
    with Visitor(chromium, stack.url) as visitor, Visitor(chromium, stack.url) as other:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open("/keys/new")
        page.fill("#field-name", "too late")
        other.sign_in(someone.email, PASSWORD)
        other.open("/profile").get_by_role("button", name="Sign out all others").click()
        expect(other.page.locator(GOOD)).to_have_text("All your other browsers are signed out.")
        # A form that is sent: nothing is made, and the form is where one comes back to.
        page.get_by_role("button", name="Create key").click()
        expect(page).to_have_url(f"{stack.url}/sign-in?next={quote('/keys/new', safe='')}")
        _sign_in_here(page, someone.email)
        expect(page).to_have_url(f"{stack.url}/keys/new")
        expect(page.locator(".sidebar .who")).to_contain_text("Erik")
        assert stack.api.rows("/api/admin/keys", account_id=someone.account) == []
        # A link with a query: all of it is there again.
        other.page.reload()
        other.page.get_by_role("button", name="Sign out all others").click()
        expect(other.page.get_by_role("button", name="Sign out all others")).to_have_count(0)
        page.goto("/usage?days=90&model=sim-chat")
        _sign_in_here(page, someone.email)
        expect(page).to_have_url(f"{stack.url}/usage?days=90&model=sim-chat")


def _sign_in_here(page: Page, email: str) -> None:
    expect(page.locator("h1")).to_have_text("Sign in")
    page.fill("#field-email", email)
    page.fill("#field-password", PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("signed_in", [False, True], ids=["stranger", "member"])
def test_an_unknown_page_is_a_page_in_the_frame(stack: Stack, chromium: Browser, signed_in: bool) -> None:
    with Visitor(chromium, stack.url) as visitor:
        if signed_in:
            visitor.sign_in(person(stack, "Lost").email, PASSWORD)
        page = visitor.open("/no/such/page?at=all", 404)
        expect(page.locator("h1")).to_have_text("Page not found")
        expect(fact(page, "Status")).to_have_text("404")
        expect(fact(page, "Request id")).to_have_text(re.compile(r"^req_\w+$"))
        expect(page.locator(".sidebar").get_by_role("link", name="Documentation")).to_be_visible()
        page.locator("main").get_by_role("link", name="Go to the documentation").click()
        expect(page.locator("h1")).to_have_text("API Documentation")


# Keyboard only, no script ---------------------------------------------------------------------------------------------


def _tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until `target` has the focus, which must show."""
    for _ in range(TABS_MAX):
        if target.evaluate("it => it === document.activeElement"):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"{TABS_MAX} times Tab do not lead to {target}")
    shows = (
        "it => { const s = getComputedStyle(it); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 }"
    )
    assert target.evaluate(shows), f"the focus on {target} is not to be seen"


def test_the_keyboard_alone_signs_in_and_makes_a_key(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Kim")
    with Visitor(chromium, stack.url) as visitor:
        page, keys = visitor.open("/docs"), visitor.page.keyboard
        keys.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        _tab_to(page, page.locator(".sidebar").get_by_role("link", name="Sign in"))
        keys.press("Enter")
        expect(page.locator("#field-email")).to_be_focused()
        keys.type(someone.email)
        _tab_to(page, page.locator("#field-password"))
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(page.locator(".sidebar .who")).to_contain_text("Kim")
        _tab_to(page, page.locator(".sidebar").get_by_role("link", name="API keys"))
        keys.press("Enter")
        expect(page.locator("h1")).to_have_text("API keys")
        _tab_to(page, page.locator("main").get_by_role("link", name="Create key").first)
        keys.press("Enter")
        expect(page.locator("#field-name")).to_be_focused()
        keys.type("by hand")
        _tab_to(page, page.locator("main").get_by_role("button", name="Create key"))
        keys.press("Enter")
        expect(page.locator("h1")).to_have_text("Save your key")
        _tab_to(page, page.get_by_role("button", name="Copy Your key"))
        keys.press("Enter")
        expect(page.locator("#toasts")).to_contain_text("Copied: Your key")
        assert _status(stack, page.evaluate("navigator.clipboard.readText()")) == 200
        _tab_to(page, page.get_by_role("link", name="I have saved it"))
        keys.press("Enter")
        expect(page.locator("h1")).to_have_text("by hand")


def test_without_a_script_a_key_is_made_and_its_usage_seen(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Noa", "1.00")
    with Visitor(chromium, stack.url, script=False) as visitor:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open("/keys")
        page.locator("main").get_by_role("link", name="Create key").first.click()
        page.fill("#field-name", "plain")
        page.locator("main").get_by_role("button", name="Create key").click()
        secret = page.locator("#secret").inner_text()
        page.get_by_role("link", name="I have saved it").click()
        ask = [{"role": "user", "content": "Hello"}]
        stack.openai(secret).chat.completions.create(model="sim-chat", messages=ask)  # type: ignore[arg-type]
        charge = Decimal(stack.api.usage(someone.account, 1)[0]["charge"])
        page = visitor.open("/usage")
        row = page.locator("main tr", has=page.get_by_text("explain this request"))
        assert dollars(cell(row, "Cost").inner_text()) == charge
        row.get_by_role("link").click()
        assert dollars(fact(page, "Charge").inner_text()) == charge
        # What needs a script says so; what does not, does not.
        for path in ("/playground", "/models", "/models/sim-chat", "/status"):
            expect(visitor.open(path).locator("main .needs-script")).to_contain_text(re.compile("needs? JavaScript"))
        expect(visitor.open("/playground").locator("#play-text")).to_be_hidden()
        for path in ("/usage", "/wallet", "/keys"):
            expect(visitor.open(path).locator(".needs-script")).to_have_count(0)
        # Asking before a key is gone needs none either.
        page.get_by_role("link", name="plain").click()
        page.get_by_role("link", name="Revoke key").click()
        page.fill("#field-confirm", "plain")
        page.locator("main").get_by_role("button", name="Revoke key").click()
        expect(page.locator(GOOD)).to_contain_text("The key is revoked.")
        assert _status(stack, secret) == 401


def test_with_a_script_no_page_says_that_it_needs_one(stack: Stack, chromium: Browser) -> None:
    with Visitor(chromium, stack.url) as visitor:
        for path in ("/docs", "/models", "/status"):
            expect(visitor.open(path).locator("main .needs-script")).to_be_hidden()
