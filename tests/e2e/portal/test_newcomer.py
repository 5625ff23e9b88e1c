"""From the printed set-up link to a charge that is understood, in a browser and a shell, on an installation without an
operator's token: nothing here is done that a person could not do.

Decides on prices whose product does not fit in a nano-dollar, so that the one rounding is seen as well.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import Visitor
from tests.support.pages import PASSWORD, cell, dollars, fact, figure
from tests.support.services import missing
from tests.support.stack import Stack, environment
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

MODEL, CREDIT = "river-teller", Decimal("5.00")
TOKENS_IN, TOKENS_OUT, CHUNKS = 13, 17, 6
BEHIND = f"script:prompt={TOKENS_IN},completion={TOKENS_OUT},chunks={CHUNKS},bytes=90"
PRICE_IN, PRICE_OUT = Decimal("0.15"), Decimal("0.6371")
MILLION, NANO = 1_000_000, Decimal("0.000000001")
EXACT = (TOKENS_IN * PRICE_IN + TOKENS_OUT * PRICE_OUT) / MILLION
# A row shows within 2 s of the request's end; the rest is for loading pages on a busy machine.
SHOWS_S = 10.0


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`tollway serve` on an empty folder, and a provider beside it that nobody has told it of."""
    with Stack(tmp_path_factory.mktemp("newcomer"), operator=False) as running:
        yield running


def _press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def _becomes_operator(fresh: Stack, page: Page) -> None:
    assert fresh.serve is not None
    page.goto(fresh.serve.line("Set-up link").split()[2])
    page.fill("#field-email", "olga@example.com")
    page.fill("#field-name", "Olga")
    page.fill("#field-password", PASSWORD)
    _press(page, "Set up and sign in")
    expect(page.locator(".sidebar .who")).to_have_text(re.compile("Olga"))


def _connects_the_provider(fresh: Stack, page: Page) -> None:
    page.locator(".sidebar").get_by_role("link", name="Upstreams").click()
    page.locator("main").get_by_role("link", name="New upstream").first.click()
    page.fill("#field-name", "provider")
    page.fill("#field-base_url", f"{fresh.simulator.url}/v1")
    page.check("#field-allow_private_address")
    page.fill("#field-secret", "key-of-the-provider")
    _press(page, "Create upstream")
    expect(page.locator("main .banner.good")).to_have_text("Created.")
    _press(page, "Test")
    expect(page.locator("main .banner.good", has_text="It answered 200")).to_be_visible()


def _offers_a_model(page: Page) -> None:
    page.locator(".sidebar").get_by_role("link", name="Models and prices").click()
    page.locator('main a[href="/operate/models/new"]').first.click()
    page.fill("#field-name", MODEL)
    page.fill("#field-prices-input", str(PRICE_IN))
    page.fill("#field-prices-output", str(PRICE_OUT))
    page.select_option("#route-0-upstream", "provider")
    page.fill("#route-0-upstream_model", BEHIND)
    _press(page, "Create model")
    expect(page.locator("main .banner.good")).to_have_text("Created.")


def _lets_people_in(page: Page) -> None:
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    page.check("#sign-up-open")
    _press(page, "Save settings")
    expect(page.locator("main .banner.good")).to_have_text("Saved.")


def _signs_up(page: Page) -> None:
    page.goto("/")
    page.locator(".sidebar").get_by_role("link", name="Sign in").click()
    page.locator("main").get_by_role("link", name="Sign up").click()
    page.fill("#field-email", "nam@example.com")
    page.fill("#field-name", "Nam")
    page.fill("#field-password", PASSWORD)
    _press(page, "Sign up")
    expect(page.locator(".sidebar .who")).to_have_text(re.compile("Nam"))


def _credits(page: Page, name: str) -> None:
    page.locator(".sidebar").get_by_role("link", name="Accounts").click()
    page.fill("#search-q", name)
    _press(page, "Search")
    page.locator("main td").get_by_role("link", name=name, exact=True).click()
    page.fill("#field-amount", str(CREDIT))
    page.fill("#field-reason", "welcome")
    _press(page, "Add to the wallet")
    expect(page.locator("main .banner.good")).to_have_text("The money is in the wallet.")
    assert figure(page, "Available") == CREDIT


def _makes_a_key(page: Page) -> str:
    """Its secret, which no page shows again."""
    page.locator(".sidebar").get_by_role("link", name="API keys").click()
    page.locator("main").get_by_role("link", name="Create key").first.click()
    page.fill("#field-name", "my laptop")
    _press(page, "Create key")
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("sk-tw-")
    page.get_by_role("link", name="I have saved it").click()
    expect(page.locator("h1")).to_have_text("my laptop")
    assert secret not in page.content()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Create a key")
    assert secret not in page.content()
    return secret


def _pastes_the_snippet(page: Page, secret: str, folder: Path) -> list[str]:
    """The texts that came, piece by piece."""
    page.locator(".sidebar").get_by_role("link", name="Documentation").click()
    page.locator("#streaming .copy:visible").click()
    copied = str(page.evaluate("navigator.clipboard.readText()"))
    assert MODEL in copied
    if shutil.which("curl") is None:
        missing("curl is not here (Debian: apt-get install curl)")
    done = subprocess.run(
        ["bash"],
        input=f"{copied}\n",
        cwd=folder,
        env=environment(YOUR_API_KEY=secret),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = [line.removeprefix("data: ") for line in done.stdout.splitlines() if line.startswith("data: ")]
    assert events[-1:] == ["[DONE]"], done.stdout
    chunks = [json.loads(event) for event in events[:-1]]
    texts = [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]]
    return [text for text in texts if text]


def _usage_row(page: Page) -> Locator:
    rows = page.locator("main tr", has=page.get_by_text("explain this request"))

    def look() -> bool:
        page.goto("/usage")
        return rows.count() > 0

    until(look, "a row of usage", SHOWS_S)
    assert rows.count() == 1
    return rows.first


def _understands_the_charge(page: Page) -> Decimal:
    """What the page says the call cost, after every line of the sum was checked."""
    counted = page.locator("main tbody tr")
    expect(counted).to_have_count(2)
    total = Decimal(0)
    for row, count, price in ((counted.nth(0), TOKENS_IN, PRICE_IN), (counted.nth(1), TOKENS_OUT, PRICE_OUT)):
        assert cell(row, "Count").inner_text() == str(count)
        assert dollars(cell(row, "Price").inner_text().split()[0]) == price
        amount = dollars(cell(row, "Amount").inner_text())
        assert amount == count * price / MILLION
        total += amount
    assert dollars(fact(page, "Sum of the amounts").inner_text()) == total == EXACT
    assert dollars(fact(page, "= exact cost").inner_text()) == EXACT
    charge = dollars(fact(page, "Charge").inner_text())
    assert dollars(fact(page, "Rounded up once to a billionth of a dollar").inner_text()) == charge
    assert charge == EXACT.quantize(NANO, ROUND_CEILING) != EXACT
    return charge


def test_the_whole_path_of_a_newcomer(fresh: Stack, chromium: Browser, tmp_path: Path) -> None:
    with Visitor(chromium, fresh.url) as olga, Visitor(chromium, fresh.url) as nam:
        _becomes_operator(fresh, olga.page)
        expect(nam.open("/sign-up").locator("h1")).to_have_text("Sign-up is closed")
        _connects_the_provider(fresh, olga.page)
        _offers_a_model(olga.page)
        _lets_people_in(olga.page)
        _signs_up(nam.page)
        _credits(olga.page, "Nam")
        secret = _makes_a_key(nam.page)
        page = nam.open("/wallet")
        before = figure(page, "Available")
        texts = _pastes_the_snippet(page, secret, tmp_path)
        assert len(texts) == CHUNKS
        sent = fresh.simulator.log(BEHIND, wait_ended=1)[0]
        assert len("".join(texts).encode()) == sent["content_bytes"]
        row = _usage_row(page)
        assert cell(row, "Model").inner_text() == MODEL
        assert cell(row, "API key").inner_text() == "my laptop"
        listed = dollars(cell(row, "Cost").inner_text())
        row.get_by_role("link").click()
        charge = _understands_the_charge(page)
        request_id = page.locator("#request-id").inner_text()
        nam.open("/wallet")
        movement = page.locator("main tbody tr", has_text=request_id)
        assert dollars(cell(movement, "Amount").inner_text()) == -charge
        assert listed == figure(page, "Spent") == before - figure(page, "Available") == charge
        assert dollars(cell(movement, "Balance after").inner_text()) == before - charge == figure(page, "Available")
