"""Sums in groups and times of answers: they agree with the requests, and stay within their bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.support.booked import book
from tollway.db.tables import utc_now
from tollway.usage import groups, latency

pytestmark = pytest.mark.integration

DAY = datetime(2026, 3, 1, tzinfo=UTC)
PATH = "/api/usage/summary"


async def some_requests(api: Api, account: str) -> None:
    """Four in three hours of two days, around midnight UTC."""
    late = DAY + timedelta(hours=23, minutes=59)
    await book(api.db, account, at=DAY + timedelta(hours=1), charge=5, model="a", key_id="key_1", input_tokens=2)
    await book(api.db, account, at=late, charge=7, model="b", key_id="key_1", output_tokens=3)
    await book(api.db, account, at=late, charge=0, model="b", key_id="key_2", status=502, error_code="upstream_error")
    await book(api.db, account, at=late + timedelta(minutes=1), charge=9, model="a", key_id="key_2", upstream="other")


def query(account: str, start: datetime, end: datetime, group_by: str) -> str:
    at = [moment.isoformat().replace("+00:00", "Z") for moment in (start, end)]
    return f"account_id={account}&from={at[0]}&to={at[1]}&group_by={group_by}"


def calls(got: Any) -> dict[str, int]:
    return {row["group"]: row["calls"] for row in got["data"] if row["calls"]}


async def test_each_division_sums_to_the_same(api: Api) -> None:
    account, other = await api.account(), await api.account()
    await some_requests(api, account)
    await some_requests(api, other)
    expected = {
        "day": {"2026-03-01": 3, "2026-03-02": 1},
        "hour": {"2026-03-01T01:00:00Z": 1, "2026-03-01T23:00:00Z": 2, "2026-03-02T00:00:00Z": 1},
        "model": {"a": 2, "b": 2},
        "key": {"key_1": 2, "key_2": 2},
    }
    total = {"calls": 4, "errors": 1, "tokens_in": 2, "tokens_out": 3, "charge": "0.000000021"}
    for group_by, found in expected.items():
        got = await api.get(f"{PATH}?{query(account, DAY, DAY + timedelta(days=2), group_by)}")
        assert (got["group_by"], got["total"], got["more"]) == (group_by, total, False)
        assert calls(got) == found
        assert sum(Decimal(row["charge"]) for row in got["data"]) == Decimal("0.000000021")
    everything = {"upstream": {"up": 6, "other": 2}, "account": {account: 4, other: 4}, "model": {"a": 4, "b": 4}}
    for group_by, found in everything.items():
        got = await api.get(f"/api/admin{PATH[4:]}?{query('', DAY, DAY + timedelta(days=2), group_by)[12:]}")
        assert (calls(got), got["total"]["calls"]) == (found, 8)
    got = await api.get(f"/api/admin{PATH[4:]}?{query(other, DAY, DAY + timedelta(days=2), 'account')}")
    assert calls(got) == {other: 4}


async def test_hours_and_days_without_requests_are_there(api: Api) -> None:
    account = await api.account()
    await some_requests(api, account)
    got = await api.get(f"{PATH}?{query(account, DAY - timedelta(days=1), DAY + timedelta(days=3), 'day')}")
    assert [row["calls"] for row in got["data"]] == [0, 3, 1, 0]
    got = await api.get(f"{PATH}?{query(account, DAY, DAY + timedelta(days=1), 'hour')}")
    assert len(got["data"]) == 24
    assert got["total"]["calls"] == 3


async def test_a_time_is_taken_by_the_hours_that_begin_in_it(api: Api) -> None:
    account = await api.account()
    await some_requests(api, account)
    for start, end, found in (
        (timedelta(hours=1), timedelta(hours=2), {"2026-03-01T01:00:00Z": 1}),
        (timedelta(hours=1, seconds=1), timedelta(hours=23), {}),
        (timedelta(hours=23), timedelta(hours=24), {"2026-03-01T23:00:00Z": 2}),
        (timedelta(hours=23, minutes=30), timedelta(hours=24, minutes=1), {"2026-03-02T00:00:00Z": 1}),
    ):
        got = await api.get(f"{PATH}?{query(account, DAY + start, DAY + end, 'hour')}")
        assert calls(got) == found
        assert got["total"]["calls"] == sum(found.values())
        by_day = await api.get(f"{PATH}?{query(account, DAY + start, DAY + end, 'day')}")
        assert by_day["total"] == got["total"]
        assert sum(row["calls"] for row in by_day["data"]) == got["total"]["calls"]


async def test_without_a_time_the_last_thirty_days(api: Api) -> None:
    account = await api.account()
    now = utc_now()
    await book(api.db, account, at=now)
    await book(api.db, account, at=now - timedelta(days=31))
    got = await api.get(f"{PATH}?account_id={account}")
    assert (got["group_by"], got["total"]["calls"], len(got["data"])) == ("day", 1, 30)
    assert got["data"][-1] == {
        "group": now.date().isoformat(),
        "calls": 1,
        "errors": 0,
        "tokens_in": 0,
        "tokens_out": 0,
        "charge": "0.00",
    }


async def test_more_groups_than_there_is_room_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "GROUPS_MAX", 2)
    account = await api.account()
    for n in range(4):
        await book(api.db, account, at=DAY, charge=n, model=f"m{n}")
    got = await api.get(f"{PATH}?{query(account, DAY, DAY + timedelta(days=1), 'model')}")  # the dearest come first
    assert ([row["group"] for row in got["data"]], got["more"]) == (["m3", "m2"], True)
    assert got["total"]["charge"] == "0.000000006"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2999-03-01T00:00:00Z", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("to=0001-01-01T00:00:00Z", "to"),
        ("from=2025-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z&group_by=hour", "from"),
        ("from=yesterday", "from"),
        ("group_by=upstream", "group_by"),
        ("group_by=", "group_by"),
    ],
)
async def test_a_wrong_time_or_division_is_named(api: Api, asked: str, field: str) -> None:
    account = await api.account()
    problem = (await api.call("GET", f"{PATH}?account_id={account}&{asked}", status=422)).json()
    assert problem["errors"][0]["field"] == field


async def test_times_of_answers_by_day(api: Api) -> None:
    account, other = await api.account(), await api.account()
    now = utc_now()
    for n in range(1, 21):
        await book(api.db, account, at=now, first_byte_us=n, total_us=1_000 * n, model="a" if n > 10 else "b")
    await book(api.db, account, at=now, total_us=10**9, status=500)
    await book(api.db, account, at=now, total_us=10**9, error_code="upstream_error")
    await book(api.db, account, at=now - timedelta(days=2), first_byte_us=7, total_us=8)
    await book(api.db, other, at=now, total_us=10**9)
    days = (await api.get(f"/api/usage/latency?account_id={account}&days=3"))["data"]
    assert [day["day"] for day in days] == [(now.date() - timedelta(days=n)).isoformat() for n in (2, 1, 0)]
    assert [day["sampled"] for day in days] == [1, 0, 20]
    assert [day["total_us_p95"] for day in days] == [8, None, 19_000]
    today = days[-1]
    assert (today["first_byte_us_p50"], today["first_byte_us_p95"], today["total_us_p50"]) == (10, 19, 10_000)
    days = (await api.get(f"/api/usage/latency?account_id={account}&days=1&model=a"))["data"]
    assert (days[0]["sampled"], days[0]["first_byte_us_p50"]) == (10, 15)
    await api.call("GET", f"/api/usage/latency?account_id={account}&days=32", status=422)


async def test_a_busy_day_is_sampled(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SAMPLE_MAX", 3)
    account = await api.account()
    start = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    for n in range(5):
        await book(api.db, account, at=start + timedelta(microseconds=n), total_us=n)
    day = (await api.get(f"/api/usage/latency?account_id={account}&days=1"))["data"][0]
    assert (day["sampled"], day["total_us_p50"]) == (3, 3)
