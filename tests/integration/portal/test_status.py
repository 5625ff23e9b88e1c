"""`/status`: public, unknown where nobody looked, a bar per hour and day, and nothing of any account."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.support.booked import book
from tollway.db.tables import StatusHourRow, utc_now
from tollway.portal.frame.translate import words
from tollway.portal.status.bars import history_bars, in_words
from tollway.status.history import Point

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


async def page(api: Api, path: str = "/status", status: int = 200) -> str:
    """As a stranger."""
    return (await api.call("GET", path, status=status, operator=False)).text


def states(html: str, name: str) -> list[str]:
    """The states of one row of bars, in the order of time."""
    drawing = re.search(rf'<svg class="history"[^>]*aria-label="{name}: [^"]*">(.*?)</svg>', html, re.DOTALL)
    assert drawing is not None, name
    return re.findall(r'<rect class="state-(\w+)"', drawing.group(1))


async def test_before_anything_was_seen_all_is_unknown(api: Api) -> None:
    await api.model("m")
    html = await page(api)
    assert states(html, "Gateway") == ["unknown"] * 24
    assert states(html, "m") == ["unknown"] * 24
    assert "no traffic" in html
    assert "%" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)  # no rate is made up
    month = await page(api, "/status?window=30d")
    assert states(month, "m") == ["unknown"] * 30


async def test_hours_and_days_as_they_were(api: Api) -> None:
    await api.model("m")
    account = await api.account()
    hour = utc_now().replace(minute=0, second=0, microsecond=0)
    async with api.db.write_tx() as tx:
        tx.add(StatusHourRow(hour=hour - timedelta(hours=2), up=60, degraded=0, down=0))
        tx.add(StatusHourRow(hour=hour - timedelta(hours=1), up=0, degraded=0, down=60))
        tx.add(StatusHourRow(hour=hour, up=10, degraded=10, down=0))
    for n in range(10):
        bad: dict[str, Any] = {"status": 502, "error_code": "upstream_error"} if n < 8 else {}
        await book(api.db, account, at=hour - timedelta(hours=1), model="m", **bad)
        await book(api.db, account, at=hour, model="m", status=400, error_code="invalid_request")
    await book(api.db, account, at=hour, model="m")
    html = await page(api)
    assert states(html, "Gateway")[-3:] == ["up", "down", "degraded"]
    assert states(html, "Gateway")[:21] == ["unknown"] * 21
    assert states(html, "m")[-2:] == ["down", "up"]  # what callers got wrong is not the model's fault
    assert "57.1%" in html  # 80 of 140 looks found it answering
    month = await page(api, "/status?window=30d")
    assert set(states(month, "m")[:-2]) == {"unknown"}
    assert len(states(month, "Gateway")) == 30


async def test_only_what_strangers_may_know(api: Api) -> None:
    await api.model("open-chat")
    await api.model("secret-chat")
    await api.call("PATCH", "/api/admin/groups/default", {"models": ["open-*"]}, status=200)
    html = await page(api)
    assert 'data-live-model="open-chat"' in html
    assert "secret-chat" not in html


async def test_many_models_are_searched(api: Api) -> None:
    for n in range(52):
        await api.model(f"model-{n:02}")
    html = await page(api)
    assert html.count('<li class="history-row">') == 50
    assert "2 more models" in html
    found = await page(api, "/status?q=MODEL-51&window=30d")
    assert re.findall(r'data-live-model="([^"]+)"', found) == ["model-51"]
    assert 'name="window" value="30d"' in found
    assert "No model found" in await page(api, "/status?q=nothing")


@pytest.mark.parametrize("query", ["window=1y", "window=", "q=%00x", "q=" + "x" * 5_000, "q=%3Cscript%3E"])
async def test_an_odd_address_is_no_fault_of_ours(api: Api, query: str) -> None:
    answer = await api.call("GET", f"/status?{query}", operator=False)
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.text


async def test_without_models_the_gateway_is_still_shown(api: Api) -> None:
    html = await page(api)
    assert "No model is enabled for everybody yet." in html
    assert states(html, "Gateway")


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Up for 2 hours, Unknown for 1 hour"), ("vi", "Hoạt động trong 2 giờ, Không rõ trong 1 giờ")],
)
def test_a_row_is_said_as_a_sentence(language: str, said: str) -> None:
    points = [Point(NOW, "up", 1.0), Point(NOW, "up", 0.99), Point(NOW, "unknown", None)]
    assert in_words(points, "24h", words(language)) == said
    assert said in history_bars("m", points, "24h", words(language))


def test_a_bar_says_when_what_and_how_much() -> None:
    drawing = history_bars('"><b>', [Point(NOW, "degraded", 0.9)], "24h", words("en"))
    assert "24 Nov, 10:00 UTC: Degraded, 90%" in drawing
    assert "<b>" not in drawing
    assert "style" not in drawing
    assert "24 Nov: Down, 0%" in history_bars("m", [Point(NOW, "down", 0.0)], "30d", words("en"))
