"""Every page in a real browser, as an operator with something to show: axe finds nothing, the console is silent,
nothing is refused by the content policy, and at 360 px nothing scrolls sideways.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Theme, Visitor
from tests.support.pages import PASSWORD, Person, person
from tests.support.stack import Stack
from tollway.portal.pages import ACCESS

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Files for programs, and pages for those who are not signed in: these are below.
FILES = ("/assets/", ".csv", ".svg")
STRANGERS = ("/sign-in", "/sign-up", "/setup")


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Person:
    """Someone who may open every page, with money."""
    return person(stack, "Operator", "5.00", role="operator")


@pytest.fixture(scope="module")
def pages(stack: Stack, operator: Person) -> list[str]:
    """Every page there is: those of a thing with a thing of that kind, made here."""
    key_id, secret = stack.api.key(operator.account)
    stack.openai(secret).chat.completions.create(model="sim-chat", messages=[{"role": "user", "content": "Hello"}])
    code = stack.api.call("POST", "/api/admin/redemption-codes", {"amount": "1.00", "count": 1}).json()["ids"][0]
    invite = stack.api.call("POST", "/api/admin/invites", {}).json()["id"]
    things = {
        "key_id": key_id,
        "code_id": code,
        "invite_id": invite,
        "account_id": operator.account,
        "request_id": stack.api.usage(operator.account, 1)[0]["request_id"],
    }
    names = {"/models": "sim-chat", "/operate/models": "sim-chat", "/operate/upstreams": "simulator"}
    found = []
    for method, template in sorted(ACCESS):
        if method == "GET" and not any(part in template for part in FILES) and template not in STRANGERS:
            name = next((name for start, name in names.items() if template.startswith(start)), "default")
            found.append(template.format(**things, name=name))
    return found


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_every_page_is_in_order(
    stack: Stack, chromium: Browser, operator: Person, pages: list[str], theme: Theme, width: int
) -> None:
    faults: list[str] = []
    with Visitor(chromium, stack.url, theme=theme, width=width) as visitor:
        visitor.sign_in(operator.email, PASSWORD)
        for path in pages:
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
