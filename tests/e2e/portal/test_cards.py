"""The cards of tools in a browser: a link opens its card, a tag changes the model in it, axe finds nothing in any."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Visitor
from tests.support.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@pytest.fixture(scope="module")
def other(stack: Stack) -> str:
    """Another chat model, so that there is something to choose."""
    return str(stack.api.model("zz-of-cards", "sim-chat"))


def test_a_link_opens_its_card_and_a_tag_changes_it(stack: Stack, chromium: Browser, other: str) -> None:
    with Visitor(chromium, stack.url) as visitor:
        page = visitor.open("/docs#tool-claude-code")
        expect(page.locator("#tool-claude-code")).to_be_visible()
        page.locator("#tool-claude-code").get_by_role("link", name="Aider").click()
        aider = page.locator("#tool-aider pre").first
        expect(aider).to_be_visible()
        expect(aider).to_contain_text(f'export OPENAI_API_BASE="{stack.url}/v1"')
        page.get_by_role("link", name=other, exact=True).click()
        expect(aider).to_contain_text(f'aider --model "openai/{other}"')
        page.locator("#tool-aider .copy").first.click()
        assert f'"openai/{other}"' in page.evaluate("navigator.clipboard.readText()")


def test_without_a_script_a_card_opens(stack: Stack, chromium: Browser) -> None:
    with Visitor(chromium, stack.url, script=False) as visitor:
        page = visitor.open("/docs")
        page.locator("details.tool").filter(has_text="Cursor").first.locator("summary").click()
        expect(page.get_by_text("Override OpenAI Base URL")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "vi"])
def test_axe_finds_nothing_with_every_card_open(stack: Stack, chromium: Browser, language: str) -> None:
    faults: list[str] = []
    for theme, width in (("light", 1280), ("dark", 360)):
        with Visitor(chromium, stack.url, theme=theme, width=width, language=language) as visitor:  # type: ignore[arg-type]
            page = visitor.open("/docs")
            page.evaluate("for (const card of document.querySelectorAll('details.tool')) card.open = true")
            faults += visitor.faults()
            assert not visitor.overflows()
            visitor.open("/docs/errors")
            faults += visitor.faults()
            assert not visitor.overflows()
    assert not faults, "\n".join(faults)
