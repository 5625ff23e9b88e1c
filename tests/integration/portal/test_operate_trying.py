"""Test and Discover on an upstream's page: the outcome in words, nothing stored, nothing typed lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.integration.api.test_upstream_probe import SECRET, Provider, listening, upstream_at
from tests.integration.portal.operators import Browser, Forms, filled
from tollway.portal.frame.translate import catalogue
from tollway.portal.operate.upstreams.trying import REASONS
from tollway.upstreams import dial, probe

pytestmark = pytest.mark.integration

PAGE = "/operate/upstreams/edit/up"
TYPED = "typed-" + "t" * 40
LIST = {"data": [{"id": "a"}, {"id": "team/b+c"}, {"id": "known"}]}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with listening(Provider()) as found:
        yield found


def banner(html: str) -> str:
    """The texts of the page's first banner."""
    found = re.search(r'<div class="banner .*?</svg>(.*?)</div>\s*</div>\s*</div>', html, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found[1]).split())


async def test_a_good_upstream_says_so_and_nothing_is_stored(api: Api, provider: Provider) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    provider.says(LIST)
    stored, before = await api.get("/api/admin/upstreams/up"), await api.state()
    answer = await operator.send(
        PAGE, {"base_url": "https://typed.example/v1", "timeouts.idle_ms": "12", "secret": TYPED}, do="test"
    )
    assert answer.status_code == 200
    said = banner(answer.text)
    assert re.match(r"It answered 200 in [\d,]+ ms. It has 3 models. Asked for its models at http://127.0.0.1:", said)
    assert "The credential you typed was neither tried nor saved" in said
    assert SECRET not in answer.text
    assert TYPED not in answer.text
    assert TYPED not in provider.heads[0]
    page = Forms(answer.text)
    assert page.value("base_url") == "https://typed.example/v1", "what was typed is still there"
    assert page.value("timeouts.idle_ms") == "12"
    assert len(provider.heads) == 1
    assert await api.get("/api/admin/upstreams/up") == stored
    assert await api.state() == (before[0], before[1] + 1), "no more than the audit log's line"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("401 Unauthorized", {}, "unauthorized"),
        ("404 Not Found", {}, "not_found"),
        ("302 Found", {}, "redirected"),
        ("503 Busy", {}, "upstream_status"),
        ("200 OK", b"<html>", "not_a_model_list"),
    ],
)
@pytest.mark.parametrize("do", ["test", "discover"])
async def test_each_failure_has_its_words(
    api: Api, provider: Provider, status: str, body: Any, code: str, do: str
) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    provider.says(body, status)
    answer = await operator.send(PAGE, {}, do=do, field="base_url")
    assert answer.status_code == 200
    (alert,) = Forms(answer.text).alerts
    assert REASONS[code] in alert
    assert (status[:3] in alert) is (do == "test")
    answer = await operator.post(
        f"{PAGE}?lang=vi&done=saved", [*Forms(await operator.get(PAGE)).having("base_url"), ("do", do)]
    )
    assert catalogue("vi").ugettext(REASONS[code]) in answer.text
    assert catalogue("vi").ugettext("Saved.") not in answer.text, "what was said before is over"


async def test_no_answer_at_all(api: Api, provider: Provider) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider, base_url="http://127.0.0.1:1/v1", allow_private_address=False)
    answer = await operator.send(PAGE, {}, do="test", field="base_url")
    (alert,) = Forms(answer.text).alerts
    assert "gave no list of models" in alert
    assert REASONS["private_address"] in alert
    assert not provider.heads


def test_every_way_to_fail_has_a_sentence() -> None:
    named = {
        code
        for module in (dial, probe)
        for code in re.findall(r'DialFailure\(\s*"(\w+)"', Path(str(module.__file__)).read_text())
    }
    assert named == set(REASONS)


async def test_discovered_models_lead_to_a_form_that_begins_with_them(api: Api, provider: Provider) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    await api.model("known", routes=[{"upstream": "up"}])
    provider.says(LIST)
    before = await api.state()
    answer = await operator.send(PAGE, {}, do="discover", field="base_url")
    assert "It has 3 models." in banner(answer.text)
    assert 'aria-current="true" href="/operate/models/edit/known"' in answer.text
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/operate/models/new\?[^"]+)"', answer.text)]
    assert len(links) == 2
    assert await api.state() == (before[0], before[1] + 1)
    answer = await operator.send(links[1], {"prices.input": "1", "prices.output": "2"})
    assert answer.status_code == 303, answer.text
    stored = await api.get("/api/admin/models/team/b+c")
    assert stored["routes"] == [{"upstream": "up", "upstream_model": "team/b+c", "priority": 0, "weight": 1}]
    assert (stored["enabled"], stored["input_modalities"], stored["output_modalities"]) == (True, ["text"], ["text"])
    page = Forms(await operator.get(f"{links[0]}&kind=embedding"))
    assert (page.value("name"), page.value("kind"), page.values("output_modalities")) == (
        "a",
        "embedding",
        ["embedding"],
    )


async def test_names_of_an_upstream_are_never_html(api: Api, provider: Provider) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    provider.says({"data": [{"id": '<script>alert("1")</script>&x="'}]})
    answer = await operator.send(PAGE, {}, do="discover", field="base_url")
    assert "<script>alert" not in answer.text
    link = re.search(r'href="(/operate/models/new\?[^"]+)"', answer.text)
    assert link is not None
    html = await operator.get(link[1].replace("&amp;", "&"))
    assert "<script>alert" not in html
    assert Forms(html).value("name") == '<script>alert("1")</script>&x="'


async def test_an_upstream_that_somebody_changed_is_not_tried_by_an_old_form(api: Api, provider: Provider) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    form = Forms(await operator.get(PAGE)).having("base_url")
    await api.call("PATCH", "/api/admin/upstreams/up", {"headers": {"x-team": "red"}}, status=200)
    answer = await operator.post(PAGE, [*filled(form, {"base_url": "https://mine.example"}), ("do", "test")])
    assert answer.status_code == 412
    assert "Somebody changed this" in Forms(answer.text).alerts[0]
    assert Forms(answer.text).value("base_url") == "https://mine.example"
    assert not provider.heads


async def test_too_many_at_once_is_said(api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = await Browser.of(api)
    await upstream_at(api, provider)
    monkeypatch.setattr(probe, "_running", probe.AT_ONCE_MAX)
    answer = await operator.send(PAGE, {}, do="test", field="base_url")
    assert answer.status_code == 429
    assert len(Forms(answer.text).alerts) == 1
    assert not provider.heads
