"""The playground in a browser: an answer streams in, is stopped, and exactly what was delivered is charged; one that is
not stopped comes whole. Page, provider and wallet tell the same.

Models made here sort behind the demo's own: the documentation, whose snippets other tests run, shows the first.
"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Visitor
from tests.support.pages import PASSWORD, cell, dollars, fact, figure, person
from tests.support.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CREDIT = Decimal("1.00")
# Half of the text comes, then the provider falls silent and keeps the connection: only a stop ends this call.
SILENT = "script:chunks=12,bytes=600,stall=mid"
WHOLE = "script:chunks=6,bytes=120,gap_us=5000,prompt=9,completion=30"
PRICE_IN, PRICE_OUT = Decimal(1), Decimal(2)
MILLION = 1_000_000
# A message of one word and its frame, by the gateway's rule for prompts that nobody counted.
PROMPT_TOKENS = 2


def _send(page: Page, text: str) -> None:
    page.fill("#play-text", text)
    page.get_by_role("button", name="Send").click()


def _cost(page: Page, message: int) -> Decimal:
    """What the foot of an answer says it cost; it asks until the charge is booked."""
    foot = page.locator(".play-message").nth(message).locator(".play-foot")
    said = foot.get_by_text(re.compile("^cost "))
    expect(said).to_be_visible()
    return dollars(said.inner_text().removeprefix("cost "))


def test_an_answer_streams_is_stopped_and_what_came_is_charged(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Pia", str(CREDIT))
    silent = stack.api.model("zz-play-silent", SILENT)
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open(f"/playground?model={silent}")
        _send(page, "Hello")
        answer = page.locator(".play-message").nth(1)
        # The provider is still in the middle of it, and what it has said is on the page: it streams.
        held = stack.simulator.log(SILENT, wait_holding=1)[0]
        assert held["state"] == "holding"
        expect(answer.locator(".play-text")).not_to_be_empty()
        expect(page.locator("[data-play-said]")).to_have_text("The answer is coming…")
        expect(page.get_by_role("button", name="Send")).to_be_hidden()
        came = answer.locator(".play-text")
        page.wait_for_function(
            "bytes => new TextEncoder().encode(document.querySelectorAll('.play-message .play-text')[1].textContent)"
            ".length === bytes",
            arg=held["content_bytes"],
        )
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("[data-play-said]")).to_have_text("Stopped. What was delivered is charged, no more.")
        ended = stack.simulator.log(SILENT, wait_ended=1, timeout_ms=1_000)[0]
        assert ended["ended"] == "client_gone"
        shown = len(str(came.evaluate("it => it.textContent")).encode())
        assert 0 < shown == ended["content_bytes"] < 600
        charge = (PROMPT_TOKENS * PRICE_IN + -(-shown // 4) * PRICE_OUT) / MILLION
        assert _cost(page, 1) == charge
        answer.get_by_role("link", name="Explain the charge").click()
        assert dollars(fact(page, "Charge").inner_text()) == charge
        request_id = page.locator("#request-id").inner_text()
        visitor.open("/wallet")
        movement = page.locator("main tbody tr", has_text=request_id)
        assert dollars(cell(movement, "Amount").inner_text()) == -charge
        assert figure(page, "Spent") == CREDIT - figure(page, "Available") == charge
        assert figure(page, "Held") == 0


def test_a_conversation_goes_on_after_a_whole_answer(stack: Stack, chromium: Browser) -> None:
    someone = person(stack, "Quinn", str(CREDIT))
    whole = stack.api.model("zz-play-whole", WHOLE)
    charge = (9 * PRICE_IN + 30 * PRICE_OUT) / MILLION
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(someone.email, PASSWORD)
        page = visitor.open("/playground")
        page.select_option("#play-model", whole)
        expect(page).to_have_url(re.compile(rf"\?model={whole}$"))
        page.fill("#play-system", "Be brief.")
        for message in (1, 3):
            _send(page, "And on")
            expect(page.locator("[data-play-said]")).to_have_text("The answer is complete.")
            assert _cost(page, message) == charge
        sent = stack.simulator.log(WHOLE, wait_ended=2)
        assert [attempt["ended"] for attempt in sent] == ["complete", "complete"]
        assert '"Be brief."' in sent[0]["request_body"]
        assert sent[1]["request_body"].count('"And on"') == 2
        page.get_by_role("button", name="Copy as curl").click()
        assert whole in page.evaluate("navigator.clipboard.readText()")
        page.get_by_role("button", name="Clear").click()
        expect(page.locator(".play-message")).to_have_count(0)
        visitor.open("/wallet")
        assert figure(page, "Spent") == CREDIT - figure(page, "Available") == 2 * charge
