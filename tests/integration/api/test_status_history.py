"""The public history: samples of the gateway by hour, models' rates by what their providers did, nobody's figures."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import delete, select

from tests.integration.api.conftest import Api
from tests.support.booked import book
from tollway.db.engine import WriteTx
from tollway.db.tables import NodeRow, StatusHourRow
from tollway.status import sampling
from tollway.status.history import CACHE_S, Histories
from tollway.status.sampling import KEPT, SILENT, Sampler, sample

pytestmark = pytest.mark.integration
PATH = "/api/status/history"
SEEN = timedelta(seconds=10)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


async def node(api: Api, name: str, silent_for: timedelta, state: str = "up") -> None:
    async with api.db.write_tx() as tx:
        await tx.session.execute(delete(NodeRow).where(NodeRow.id == name))
        tx.add(NodeRow(id=name, epoch=1, state=state, last_seen_at=tx.now - silent_for))


async def look(api: Api) -> tuple[int, int, int]:
    """Take a sample; the counts of all hours."""
    async with api.db.write_tx() as tx:
        await sample(tx, SEEN)
    return await counted(api)


async def counted(api: Api) -> tuple[int, int, int]:
    async with api.db.read_tx() as tx:
        rows = (await tx.session.scalars(select(StatusHourRow))).all()
    return sum(row.up for row in rows), sum(row.degraded for row in rows), sum(row.down for row in rows)


async def test_a_sample_notes_what_is_heard_of_the_gateways(api: Api) -> None:
    assert await look(api) == (0, 0, 0), "before the first hello there is nothing to find"
    await node(api, "a", timedelta())
    assert await look(api) == (1, 0, 0)
    await node(api, "b", SEEN * 2)
    assert await look(api) == (1, 1, 0), "one of two is silent"
    await node(api, "b", SILENT * 2)
    assert await look(api) == (2, 1, 0), "it is gone for good"
    await node(api, "b", timedelta(seconds=30), "closed")
    assert await look(api) == (3, 1, 0), "it said good-bye"
    await node(api, "a", SEEN * 2)
    assert await look(api) == (3, 1, 1)
    await node(api, "a", timedelta(), "closed")
    assert await look(api) == (3, 1, 2)


async def test_old_hours_are_dropped(api: Api) -> None:
    await node(api, "a", timedelta())
    async with api.db.write_tx() as tx:
        for age in (timedelta(), KEPT - timedelta(hours=1), KEPT + timedelta(hours=1)):
            tx.add(StatusHourRow(hour=hour_of(tx.now - age), up=1, degraded=0, down=0))
    assert await look(api) == (3, 0, 0)


async def test_the_sampler_looks_until_it_is_stopped(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await node(api, "a", timedelta())
    looks, third = 0, asyncio.Event()

    async def noted(tx: WriteTx, seen: timedelta) -> None:
        nonlocal looks
        await sample(tx, seen)
        looks += 1
        if looks == 3:
            third.set()

    monkeypatch.setattr(sampling, "sample", noted)
    async with Sampler(api.db, node_seen_ms=600_000, every_s=0.01) as sampler, asyncio.timeout(10):
        await third.wait()
    assert sampler._task is not None
    assert sampler._task.done()
    assert not sampler._task.cancelled(), "it ended by itself"
    assert await counted(api) == (looks, 0, 0)


async def test_the_sampler_outlives_a_failure(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await node(api, "a", timedelta())
    tries, second = 0, asyncio.Event()

    async def failing(*_: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            second.set()
        raise ValueError("no such luck")

    monkeypatch.setattr(sampling, "sample", failing)
    async with Sampler(api.db, node_seen_ms=10_000, every_s=0.01), asyncio.timeout(10):
        await second.wait()


async def test_the_gateway_by_hour(api: Api) -> None:
    async with api.db.write_tx() as tx:
        now = hour_of(tx.now)
        for age, counts in ((0, (60, 0, 0)), (2, (57, 3, 0)), (3, (20, 0, 40)), (4, (59, 0, 1)), (24, (0, 0, 60))):
            up, degraded, down = counts
            tx.add(StatusHourRow(hour=now - timedelta(hours=age), up=up, degraded=degraded, down=down))
    history = await api.get(PATH, operator=False)
    assert (history["window"], history["step_seconds"], history["models"]) == ("24h", 3600, [])
    points = history["gateway"]["points"]
    assert [datetime.fromisoformat(point["at"]) for point in points] == [
        now - timedelta(hours=age) for age in range(23, -1, -1)
    ]
    assert [(point["state"], point["rate"]) for point in points[-6:]] == [
        ("unknown", None),
        ("degraded", 0.983333),
        ("down", 0.333333),
        ("degraded", 1.0),
        ("unknown", None),
        ("up", 1.0),
    ]
    assert {point["state"] for point in points[:-6]} == {"unknown"}
    assert history["gateway"]["rate"] == round(199 / 240, 6)


async def test_the_gateway_by_day(api: Api) -> None:
    async with api.db.write_tx() as tx:
        today = hour_of(tx.now.astimezone(UTC)).replace(hour=0)
        for hour, up in ((today, 1), (today - timedelta(hours=1), 60), (today - timedelta(hours=24), 30)):
            tx.add(StatusHourRow(hour=hour, up=up, degraded=0, down=60 - up if up > 1 else 0))
        tx.add(StatusHourRow(hour=today - timedelta(days=30), up=0, degraded=0, down=60))
    history = await api.get(f"{PATH}?window=30d", operator=False)
    assert (history["window"], history["step_seconds"]) == ("30d", 86_400)
    points = history["gateway"]["points"]
    assert len(points) == 30
    assert datetime.fromisoformat(points[0]["at"]) == today - timedelta(days=29)
    assert [(point["state"], point["rate"]) for point in points[-2:]] == [("degraded", 0.75), ("up", 1.0)]
    assert {point["state"] for point in points[:-2]} == {"unknown"}


async def calls(api: Api, account: str, model: str, at: datetime, codes: list[tuple[int, str]]) -> None:
    for status, code in codes:
        await book(api.db, account, at=at, charge=12_345, model=model, status=status, error_code=code)


async def test_models_by_what_their_providers_did(api: Api) -> None:
    account, other = await api.account(), await api.account()
    for name in ("good", "broken", "shaky", "quiet", "misused", "hidden", "off"):
        await api.model(name, kind="chat")
    reach = ["hid.en", "good", "br*", "s*", "q*", "m*", "off"]
    await api.call("PATCH", "/api/admin/groups/default", {"models": reach}, status=200)
    await api.call("PATCH", "/api/admin/models/off", {"enabled": False}, status=200)
    now = hour_of(datetime.now(UTC))
    fine, fault, misuse = (200, ""), (502, "upstream_error"), (400, "invalid_request")
    await calls(api, account, "good", now, [fine] * 3)
    await calls(api, other, "good", now, [fine] * 2 + [misuse])
    await calls(api, account, "broken", now, [fault] * 5 + [fine] * 2)
    await calls(api, account, "broken", now - timedelta(hours=2), [fault] * 4)
    await calls(api, account, "shaky", now - timedelta(hours=1), [fault] + [fine] * 9)
    await calls(api, account, "misused", now, [misuse] * 9)
    await calls(api, account, "hidden", now, [fault])
    await calls(api, account, "good", now - timedelta(hours=24), [fault])
    answer = await api.call("GET", PATH, operator=False, status=200)
    models = {model["name"]: model for model in answer.json()["models"]}
    assert list(models) == ["broken", "good", "misused", "quiet", "shaky"]
    last = {name: [(point["state"], point["rate"]) for point in model["points"][-3:]] for name, model in models.items()}
    unknown = ("unknown", None)
    assert last == {
        "good": [unknown, unknown, ("up", 1.0)],
        "broken": [("degraded", 0.0), unknown, ("down", 0.285714)],  # four requests cannot make it down
        "shaky": [unknown, ("degraded", 0.9), unknown],
        "quiet": [unknown] * 3,
        "misused": [unknown] * 3,
    }
    assert models["broken"]["rate"] == round(2 / 11, 6)
    assert models["quiet"]["rate"] is None
    assert account not in answer.text
    assert "12345" not in answer.text
    by_day = await api.get(f"{PATH}?window=30d", operator=False)
    days = {model["name"]: model for model in by_day["models"]}
    assert days["broken"]["rate"] == models["broken"]["rate"]
    assert sum(point["rate"] is not None for point in days["good"]["points"]) == 2
    assert days["good"]["rate"] == round(5 / 6, 6)


async def test_a_window_is_read_once_in_a_while(api: Api, app: Litestar) -> None:
    now = [100.0]
    app.state.histories = Histories(lambda: now[0])
    first = {window: await api.call("GET", f"{PATH}?window={window}", operator=False, status=200) for window in CACHE_S}
    assert [answer.headers["cache-control"] for answer in first.values()] == [
        "public, max-age=30",
        "public, max-age=300",
    ]
    await node(api, "a", timedelta())
    await look(api)
    for window, answer in first.items():
        now[0] = 100.0 + CACHE_S[window] - 1
        assert (await api.call("GET", f"{PATH}?window={window}", operator=False)).content == answer.content
        now[0] = 100.0 + CACHE_S[window]
        assert (await api.get(f"{PATH}?window={window}", operator=False))["gateway"]["rate"] == 1.0
    await api.call("GET", f"{PATH}?window=7d", operator=False, status=422)
