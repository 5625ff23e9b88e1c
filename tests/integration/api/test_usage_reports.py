"""Sums, CSV and explanations of an account's requests: they agree with the rows, and with one another."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tests.support.booked import book
from tollway.db.tables import ModelRow, PriceRow, RequestRow, UsageHourRow, utc_now
from tollway.errors import NotFound
from tollway.money import charge_nano, filled_token_prices, parse_usd
from tollway.usage import export
from tollway.usage.explain import Explanation, explain
from tollway.usage.listing import Filter
from tollway.usage.summary import Summary, Sums, _days, summarise

pytestmark = pytest.mark.integration


async def file_of(api: Api, query: str) -> list[dict[str, str]]:
    """The CSV as rows."""
    answer = await api.call("GET", f"/api/usage.csv?{query}", status=200)
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


async def summary_of(api: Api, account: str, days: int) -> Summary:
    async with api.db.read_tx() as tx:
        return await summarise(tx, account, days)


async def test_a_summary_is_the_sum_of_the_requests(api: Api) -> None:
    account, other = await api.account(), await api.account()
    now = utc_now()
    await book(api.db, account, at=now, charge=1_000, model="a", key_id="key_1", input_tokens=10, output_tokens=5)
    await book(api.db, account, at=now, charge=2_000, model="b", key_id="key_2", cache_read_tokens=7)
    await book(api.db, account, at=now - timedelta(days=2), charge=500, model="a", key_id="key_2", reasoning_tokens=3)
    await book(api.db, account, at=now - timedelta(days=9), charge=9, model="a")
    await book(api.db, account, at=now, status=502, error_code="upstream_error", model="b", key_id="key_1")
    await book(api.db, other, at=now, charge=77, model="a")
    got = await summary_of(api, account, 7)
    assert got.total == Sums(calls=4, errors=1, tokens_in=17, tokens_out=8, charge_nano=3_500)
    assert [day.calls for day in got.by_day] == [0, 0, 0, 0, 1, 0, 3]
    assert got.days[-1] == now.date()
    assert [(share.name, share.total.charge_nano) for share in got.by_model] == [("b", 2_000), ("a", 1_500)]
    assert [(share.name, share.total.calls) for share in got.by_key] == [("key_2", 2), ("key_1", 2)]
    ten = await summary_of(api, account, 10)
    assert ten.total.calls == 5
    for shares in (ten.by_model, ten.by_key):
        assert sum(share.total.calls for share in shares) == 5


async def test_a_summary_reads_days_not_hours(api: Api) -> None:
    account = await api.account()
    noon = utc_now().replace(hour=12, minute=0) - timedelta(days=1)
    for n in range(12):
        await book(api.db, account, at=noon - timedelta(hours=n), model=f"m{n % 2}", key_id=f"key_{n % 3}", charge=1)
    async with api.db.read_tx() as tx:
        read = [await _days(tx, account, noon.date(), column) for column in (UsageHourRow.model, UsageHourRow.key_id)]
    assert [len(rows) for rows in read] == [2, 3]
    assert [sum(sums.calls for _, _, sums in rows) for rows in read] == [12, 12]
    assert {day for rows in read for _, day, _ in rows} == {noon.date()}


async def test_a_summary_of_nothing_is_zeroes(api: Api) -> None:
    got = await summary_of(api, await api.account(), 30)
    assert (got.total, len(got.by_day), got.by_model, got.by_key) == (Sums(), 30, [], [])


async def test_only_failed_requests(api: Api) -> None:
    account = await api.account()
    await book(api.db, account)
    wrong = [await book(api.db, account, status=429), await book(api.db, account, error_code="cut")]
    got = await api.get(f"/api/usage?account_id={account}&failed=true")
    assert {row["request_id"] for row in got["data"]} == set(wrong)
    assert {row["request_id"] for row in await file_of(api, f"account_id={account}&failed=true")} == set(wrong)


async def test_only_requests_with_a_status(api: Api) -> None:
    account = await api.account()
    fine, wrong = await book(api.db, account), await book(api.db, account, status=429)
    for status, request_id in ((200, fine), (429, wrong)):
        query = f"account_id={account}&status={status}"
        for path in ("/api/usage", "/api/admin/usage"):
            rows = (await api.get(f"{path}?{query}"))["data"]
            assert [row["request_id"] for row in rows] == [request_id]
        assert [row["request_id"] for row in await file_of(api, query)] == [request_id]
    await api.call("GET", f"/api/usage?account_id={account}&status=many", status=422)


async def test_the_file_holds_what_the_list_holds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_BATCH_ROWS", 2)  # so that five rows are three batches
    account, other = await api.account(), await api.account()
    now = utc_now()
    ids = [await book(api.db, account, at=now - timedelta(minutes=n), charge=n, input_tokens=n) for n in range(5)]
    await book(api.db, other)
    rows = await file_of(api, f"account_id={account}")
    assert [row["request_id"] for row in rows] == ids
    assert [row["input_tokens"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[4]["charge_usd"] == "0.000000004"
    assert tuple(rows[0]) == export.COLUMNS
    since = (now - timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    assert [row["request_id"] for row in await file_of(api, f"account_id={account}&from={since}")] == ids[:3]


async def test_a_cell_is_never_a_formula(api: Api) -> None:
    account = await api.account()
    await book(api.db, account, client_request_id='=HYPERLINK("http://example.com")', model="@m")
    (row,) = await file_of(api, f"account_id={account}")
    assert row["client_request_id"].startswith("'=")
    assert row["model"] == "'@m"


async def test_half_a_file_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_MAX", 2)
    account = await api.account()
    for _ in range(3):
        await book(api.db, account)
    answer = await api.call("GET", f"/api/usage.csv?account_id={account}", status=422)
    assert answer.json()["errors"][0]["field"] == "from"


async def test_strangers_get_no_reports(api: Api) -> None:
    for path in ("/api/usage/summary", "/api/usage/latency", "/api/usage.csv"):
        await api.call("GET", path, status=401, operator=False)
    account = await api.account()
    await api.user()
    headers = await api.sign_in()
    for path in ("/api/usage/summary", "/api/usage.csv"):
        await api.call("GET", f"{path}?account_id={account}", status=404, operator=False, headers=headers)


async def explained(api: Api, account: str, prices: dict[str, int], counts: dict[str, int], **more: Any) -> Explanation:
    """A request at these prices, with the charge that the audit's formula gives, explained."""
    async with api.db.write_tx() as tx:
        tx.add(ModelRow(name="m"))
        await tx.flush()
        tx.add(PriceRow(id="price_1", model_name="m", **prices))
    tokens = tuple(counts.get(f"{name}_tokens", 0) for name in TOKENS)
    units = {name: counts.get(name, 0) for name in ("requests", "images", "milliseconds", "characters")}
    charge = charge_nano(tokens, filled_token_prices(prices), units, prices, more.get("multiplier_micro", 1_000_000))
    fields = {"charge": charge, "price_id": "price_1", **counts, **more}
    request_id = await book(api.db, account, **fields)
    async with api.db.read_tx() as tx:
        return await explain(tx, account, request_id)


TOKENS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
    "image_input",
    "image_output",
)


async def test_every_step_of_a_charge(api: Api) -> None:
    account = await api.account()
    got = await explained(
        api,
        account,
        {"input_pico": 150_001, "output_pico": 600_000, "request_nano": 3, "second_nano": 100_000},
        {"input_tokens": 7, "cache_read_tokens": 2, "output_tokens": 1, "requests": 1, "milliseconds": 1_500},
        multiplier_micro=1_234_567,
    )
    assert [(part.count_name, part.count, part.price, part.amount, part.taken_from) for part in got.parts] == [
        ("input_tokens", 7, "0.150001", "0.000001050007", None),
        ("cache_read_tokens", 2, "0.150001", "0.000000300002", "input"),
        ("output_tokens", 1, "0.60", "0.0000006", None),
        ("requests", 1, "0.000000003", "0.000000003", None),
        ("milliseconds", 1_500, "0.0001", "0.00015", None),
    ]
    assert got.sum == "0.000151953009"
    assert got.multiplier == "1.234567"
    assert got.product == "0.000187596170462103"
    assert got.rounded == "0.000187597"
    assert (got.charge, got.posted, got.excess) == ("0.000187597", "0.000187597", "0.00")
    assert got.agrees


async def test_what_was_above_the_hold_is_shown_as_not_charged(api: Api) -> None:
    account = await api.account()
    got = await explained(
        api,
        account,
        {"input_pico": 1_000_000, "output_pico": 0},
        {"input_tokens": 10},
        charge_nano=4_000,
        hold_nano=4_000,
        posted_nano=4_000,
        excess_nano=6_000,
        loss_nano=6_000,
    )
    assert (got.rounded, got.charge, got.excess) == ("0.00001", "0.000004", "0.000006")
    assert got.agrees


async def test_a_charge_that_does_not_follow_is_said(api: Api) -> None:
    account = await api.account()
    got = await explained(
        api,
        account,
        {"input_pico": 1_000_000},
        {"input_tokens": 10},
        charge_nano=9_999,
        hold_nano=9_999,
        posted_nano=9_999,
    )
    assert parse_usd(got.rounded) == 10_000
    assert not got.agrees


async def test_without_a_price_nothing_is_charged(api: Api) -> None:
    account = await api.account()
    request_id = await book(api.db, account, input_tokens=5)
    async with api.db.read_tx() as tx:
        got = await explain(tx, account, request_id)
        assert (got.priced, got.charge, got.agrees) == (False, "0.00", True)
        with pytest.raises(NotFound):
            await explain(tx, "acc_other", request_id)


async def test_sums_and_rows_agree(api: Api) -> None:
    account = await api.account()
    for n in range(12):
        await book(api.db, account, at=utc_now() - timedelta(hours=5 * n), charge=n, model=f"m{n % 3}")
    async with api.db.read_tx() as tx:
        sums = await summarise(tx, account, 7)
        rows = list(await tx.session.scalars(select(RequestRow).where(RequestRow.account_id == account)))
        assert sums.total.charge_nano == sum(row.charge_nano for row in rows) == 66
        assert len(list(await tx.session.scalars(Filter(account_id=account).rows()))) == sums.total.calls == 12


async def test_one_request_comes_with_its_lines(api: Api) -> None:
    account = await api.account()
    found = await explained(
        api,
        account,
        {"input_pico": 150_000, "output_pico": 600_000},
        {"input_tokens": 7, "cache_read_tokens": 2, "output_tokens": 1, "requests": 1},
        multiplier_micro=1_500_000,
    )
    got = await api.get(f"/api/usage/{found.usage.request_id}?account_id={account}")
    assert got["lines"] == [
        line("input", "input_tokens", 7, "0.15", "0.00000105"),
        line("cache_read", "cache_read_tokens", 2, "0.15", "0.0000003", "input"),
        line("output", "output_tokens", 1, "0.60", "0.0000006"),
    ]
    assert (got["sum"], got["price_multiplier"], got["exact"]) == ("0.00000195", "1.5", "0.000002925")
    assert (got["charge"], got["posted"], got["hold"], got["excess"]) == (*["0.000002925"] * 3, "0.00")
    assert (got["outcome"], got["counts"]["requests"], got["price_version"]) == ("settled", 1, "price_1")
    assert "upstream" not in got
    await api.call("GET", f"/api/usage/{found.usage.request_id}?account_id={await api.account()}", status=404)


def line(
    item: str, unit: str, count: int, price: str, amount: str, taken_from: str | None = None
) -> dict[str, str | int | None]:
    return {
        "item": item,
        "unit": unit,
        "count": count,
        "unit_price": price,
        "amount": amount,
        "taken_from": taken_from,
    }
