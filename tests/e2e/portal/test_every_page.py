"""Every page in a real browser, as an operator with something to show: axe finds nothing, the console is silent,
nothing is refused by the content policy, and at 360 px nothing scrolls sideways.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Theme, Visitor
from tests.support.stack import Stack
from tollway.portal.pages import ACCESS

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

EMAIL, PASSWORD = "operator@example.com", "correct horse battery"
# Files for programs, not pages.
FILES = ("/assets/", ".csv", ".svg")
PLAIN = sorted(
    path for method, path in ACCESS if method == "GET" and "{" not in path and not any(f in path for f in FILES)
)


@pytest.fixture(scope="module")
def operator(stack: Stack) -> tuple[str, str]:
    """Someone who may open every page, with a key and a call in the account."""
    stack.api.call(
        "POST", "/api/admin/users", {"email": EMAIL, "name": "Operator", "password": PASSWORD, "role": "operator"}
    )
    return EMAIL, PASSWORD


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_every_page_is_in_order(
    stack: Stack, chromium: Browser, operator: tuple[str, str], theme: Theme, width: int
) -> None:
    faults: list[str] = []
    with Visitor(chromium, stack.url, theme=theme, width=width) as visitor:
        visitor.sign_in(*operator)
        for path in PLAIN:
            if path in ("/sign-in", "/sign-up", "/setup"):
                continue  # these are for people who are not signed in: below
            visitor.open(path)
            faults += visitor.faults()
            if visitor.overflows():
                faults.append(f"{path} is wider than {width} px")
        visitor.open("/no-such-page", 404)
        faults += visitor.faults()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_public_pages_are_in_order_for_strangers(stack: Stack, chromium: Browser, language: str) -> None:
    faults: list[str] = []
    with Visitor(chromium, stack.url, language=language, theme="dark") as visitor:
        for path in ("/", "/docs", "/sign-in", "/models", "/status"):
            if ("GET", path) in ACCESS:
                visitor.open(path)
                assert visitor.page.locator("html").get_attribute("lang") == language
                faults += visitor.faults()
    assert not faults, "\n".join(faults)
