"""The documentation in a real browser: a tag changes every snippet and the address, languages are remembered, health
follows the gateway down and up again.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Visitor
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

HEALTH_MS = 30_000


@pytest.fixture(scope="module")
def second(stack: Stack) -> str:
    """Another chat model, so that there is something to choose."""
    return str(stack.api.model("zz-second", "sim-chat"))


def _models(page: Page, block: str) -> set[str]:
    return set(page.locator(f"#{block} [data-model]").all_text_contents())


def test_a_tag_changes_every_snippet_of_its_kind_and_the_address(stack: Stack, chromium: Browser, second: str) -> None:
    with Visitor(chromium, stack.url) as visitor:
        page = visitor.open("/docs")
        before = {block: _models(page, block) for block in ("chat-completions", "streaming", "embeddings", "images")}
        assert all(len(found) == 1 for found in before.values())
        page.get_by_role("link", name=second, exact=True).click()
        assert _models(page, "chat-completions") == _models(page, "streaming") == {second}
        assert _models(page, "embeddings") == before["embeddings"]
        assert _models(page, "images") == before["images"]
        expect(page).to_have_url(re.compile(rf"/docs\?model={second}$"))
        expect(page.locator('[data-pick="chat"][aria-current]')).to_have_text(second)
        page.locator("#chat-completions .copy:visible").click()
        assert f'"model": "{second}"' in page.evaluate("navigator.clipboard.readText()")
        page.reload()
        assert _models(page, "streaming") == {second}
        page.get_by_role("link", name="Tiếng Việt").first.click()
        assert _models(page, "streaming") == {second}
        page.go_back()
        page.go_back()
        assert _models(page, "streaming") == before["streaming"]


def test_without_a_script_a_tag_is_a_link_and_all_languages_show(stack: Stack, chromium: Browser, second: str) -> None:
    with Visitor(chromium, stack.url, script=False) as visitor:
        page = visitor.open("/docs")
        page.get_by_role("link", name=second, exact=True).click()
        assert _models(page, "chat-completions") == {second}
        expect(page.locator('pre[data-block="streaming"][data-lang="java"]')).to_be_visible()
        expect(page.get_by_text("The live figures need JavaScript.")).to_be_visible()


def test_the_chosen_language_is_remembered_for_all_blocks(stack: Stack, chromium: Browser) -> None:
    with Visitor(chromium, stack.url) as visitor:
        page = visitor.open("/docs")
        page.locator("#chat-completions").get_by_role("tab", name="Go").click()
        expect(page.locator('pre[data-block="images"][data-lang="go"]')).to_be_visible()
        visitor.open("/docs")
        expect(page.locator('pre[data-block="embeddings"][data-lang="go"]')).to_be_visible()
        expect(page.locator('pre[data-block="embeddings"][data-lang="curl"]')).to_be_hidden()


def test_health_goes_down_with_the_gateway_and_comes_back(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Stack(Path(tmp_path_factory.mktemp("health")), demo=True) as own:
        visitor = Visitor(chromium, own.url)
        page = visitor.open("/docs")
        gateway, endpoint = page.locator("[data-gateway]"), page.locator("[data-gateway-endpoint]")
        expect(gateway).to_have_text("Up")
        expect(endpoint).to_have_text("reachable")
        expect(page.locator("[data-gateway-ping]")).to_have_text(re.compile(r"^\d[\d,]* ms ping$"))
        expect(page.locator("[data-gateway-version]")).to_have_text(re.compile(r"^\d+\.\d+"))
        expect(page.locator('[data-model-row="sim-chat"] [data-cell=state]')).to_have_text("Unknown")
        own.openai(own.api.tenant().key).chat.completions.create(
            model="sim-chat", messages=[{"role": "user", "content": "hi"}]
        )
        expect(page.locator('[data-model-row="sim-chat"] [data-cell=success]')).to_have_text("100%", timeout=HEALTH_MS)
        own.stop()
        expect(gateway).to_have_text("Down", timeout=HEALTH_MS)
        expect(endpoint).to_have_text("not reachable")
        expect(page.locator("[data-gateway-uptime]")).to_have_text("Unknown")
        expect(page.locator("[data-health-said]")).to_contain_text("Gateway: Down")
        expect(page.locator('[data-model-row="sim-chat"] [data-cell=success]')).to_have_text("")
        own.start()
        expect(gateway).to_have_text("Up", timeout=HEALTH_MS)
        expect(page.locator("[data-health-said]")).to_contain_text("Gateway: Up")
        # Chromium itself complains of the refused connections; nothing else may be there.
        assert all("ERR_CONNECTION" in complaint for complaint in visitor.complaints), visitor.complaints
        visitor.context.close()


def test_axe_finds_nothing_with_every_tab_open(stack: Stack, chromium: Browser) -> None:
    faults: list[str] = []
    for theme in ("light", "dark"):
        with Visitor(chromium, stack.url, theme=theme) as visitor:
            page = visitor.open("/docs")
            for tab in ("curl", "Python", "Node.js", "Go", "PHP", "C#", "Java"):
                page.locator("#chat-completions").get_by_role("tab", name=tab, exact=True).click()
                faults += visitor.faults()
    assert not faults, "\n".join(faults)


def test_try_it_streams_stops_and_pays_from_the_account(stack: Stack, chromium: Browser) -> None:
    email, password = "reader@example.com", "correct horse battery"
    stack.api.call("POST", "/api/admin/users", {"email": email, "name": "Reader", "password": password})
    with Visitor(chromium, stack.url) as visitor:
        visitor.sign_in(email, password)
        page = visitor.open("/docs")
        account = str(page.locator("[data-call-account]").get_attribute("data-call-account"))
        page.locator("[data-try=embeddings]").click()
        expect(page.locator("#embeddings-try")).to_contain_text("Your wallet cannot pay this call.")
        stack.api.credit(account, "5.00")
        with page.expect_response("**/v1/chat/completions") as called:
            page.locator("[data-try=streaming]").click()
        answer = page.locator("#streaming-try [data-try-answer]")
        expect(answer).not_to_be_empty()
        page.locator("#streaming-try [data-try-stop]").click()
        expect(page.locator("#streaming-try [data-try-state]")).to_have_text("Stopped")
        for block, seen in (("chat-completions", "hello"), ("embeddings", "numbers")):
            page.locator(f"[data-try={block}]").click()
            expect(page.locator(f"#{block}-try [data-try-state]")).to_have_text("Done", timeout=HEALTH_MS)
            expect(page.locator(f"#{block}-try [data-try-answer]")).to_contain_text(seen)
        page.locator("[data-try=images]").click()
        picture = page.locator("#images-try img")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        secret = called.value.request.headers["authorization"].removeprefix("Bearer ")
        assert secret.startswith("sk-tw-")
        assert secret not in page.content()
        kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert secret not in kept
        assert not visitor.faults()
    wallet = until(
        lambda: found if (found := stack.api.wallet(account)).spent > 0 and not found.held else None, "money"
    )
    assert wallet.available + wallet.spent == 5
