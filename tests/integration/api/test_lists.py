"""Lists: pages meet without gap or repetition, and a search text is taken literally."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tollway.db.tables import COUNT_COLUMNS, NodeRow, RequestRow
from tollway.ids import new_id

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 24, 10, 0, 0, 123_456, tzinfo=UTC)


async def walk(api: Api, path: str, limit: int) -> list[Any]:
    """All rows, page by page."""
    rows: list[Any] = []
    cursor = ""
    while True:
        page = await api.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
        assert len(page["data"]) <= limit
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = f"&cursor={page['next_cursor']}"


async def test_pages_meet(api: Api) -> None:
    for n in range(7):
        await api.make("/api/admin/groups", {"name": f"g{n}"})
        await api.account(name=f"a{n}")
    for limit in (1, 3, 8, 200):
        assert [r["name"] for r in await walk(api, "/api/admin/groups", limit)] == [
            "default",
            *(f"g{n}" for n in range(7)),
        ]
        assert [r["name"] for r in await walk(api, "/api/admin/accounts", limit)] == [f"a{n}" for n in range(6, -1, -1)]
    first = await api.get("/api/admin/groups?limit=2")
    await api.call("DELETE", "/api/admin/groups/g0", status=204)  # the row the cursor stands on
    rest = await api.get(f"/api/admin/groups?limit=2&cursor={first['next_cursor']}")
    assert [r["name"] for r in rest["data"]] == ["g1", "g2"]
    wrong = await api.call("GET", f"/api/admin/audit?cursor={first['next_cursor']}", status=422)
    assert wrong.json()["errors"][0]["field"] == "cursor"


async def test_a_search_text_is_taken_literally(api: Api) -> None:
    for name in ("50% off", "500 off", "a_b", "aXb", "back\\slash", "Ärger"):
        await api.account(name=name)
    for q, found in (
        ("50%", ["50% off"]),
        ("%25", ["50% off"]),
        ("a_b", ["a_b"]),
        ("A_B", ["a_b"]),
        ("\\", ["back\\slash"]),
        ("off", ["500 off", "50% off"]),
        ("nothing", []),
    ):
        answer = await api.call("GET", "/api/admin/accounts", params={"q": q.replace("%25", "%")}, status=200)
        assert [row["name"] for row in answer.json()["data"]] == found, q


def request_row(seq: int, account: str, **more: Any) -> RequestRow:
    """A settled request as a node reports it."""
    started = START + timedelta(milliseconds=seq // 3)  # three start in each millisecond
    fields: dict[str, Any] = {
        "node_id": "node_1",
        "epoch": 1,
        "seq": seq,
        "request_id": new_id("req"),
        "account_id": account,
        "key_id": "key_1",
        "model": "m",
        "upstream": "up",
        "endpoint": 0,
        "status": 200,
        "stream": True,
        "estimated": False,
        "price_id": "price_1",
        "multiplier_micro": 1_500_000,
        "hold_nano": 2_000,
        "charge_nano": 1_250,
        "excess_nano": 5,
        "posted_nano": 1_250,
        "loss_nano": 5,
        "attempts": 1,
        "started_at": started,
        "day": started.date(),
        "first_byte_us": 10,
        "total_us": 20,
        "outcome": 0,
        "error_code": "",
        "client_request_id": "mine",
        "input_tokens": 7,
        "images": 2,
    }
    return RequestRow(**(fields | more))


async def test_usage_of_operators_and_members(api: Api) -> None:
    account, other = await api.account(), await api.account()
    rows = [request_row(n, account) for n in range(8)] + [request_row(8, other, model="other", outcome=1)]
    wanted = [row.request_id for row in reversed(rows)]
    async with api.db.write_tx() as tx:
        tx.session.add_all(rows)
    for limit in (2, 5, 100):
        assert [r["request_id"] for r in await walk(api, "/api/admin/usage", limit)] == wanted
        mine = await walk(api, f"/api/usage?account_id={account}", limit)
        assert [r["request_id"] for r in mine] == wanted[1:]
    (row,) = (await api.get(f"/api/admin/usage?request_id={wanted[-1]}"))["data"]
    counts = {name.removesuffix("_tokens"): 0 for name in COUNT_COLUMNS}
    units = {"requests": 0, "images": 2, "milliseconds": 0, "characters": 0}
    assert row["counts"] == counts | {"input": 7} | units
    shown = ("hold_id", "hold", "charge", "posted", "excess", "loss", "price_multiplier", "endpoint", "outcome")
    assert [row[name] for name in shown] == [
        "node_1/1/0",
        "0.000002",
        "0.00000125",
        "0.00000125",
        "0.000000005",
        "0.000000005",
        "1.5",
        "chat",
        "settled",
    ]
    assert row["created_at"] == "2026-11-24T10:00:00.123456Z"
    member = await api.get(f"/api/usage/{wanted[-1]}?account_id={account}")
    assert member["charge"] == "0.00000125"
    assert not {"upstream", "hold_id", "loss", "attempts"} & member.keys()
    assert (member["hold"], member["excess"]) == ("0.000002", "0.000000005"), "what capped the charge"
    await api.call("GET", f"/api/usage/{wanted[-1]}?account_id={other}", status=404)
    assert len((await api.get("/api/admin/usage?model=other"))["data"]) == 1
    later = "2026-11-24T11:00:00.125456%2B01:00"
    assert len((await api.get(f"/api/admin/usage?from={later}"))["data"]) == 3
    assert len((await api.get(f"/api/admin/usage?to={later}"))["data"]) == 6
    assert len((await api.get(f"/api/admin/usage?from={later.replace('%2B', '+')}"))["data"]) == 3


async def test_nodes(api: Api) -> None:
    async with api.db.write_tx() as tx:
        for epoch in (1, 2, 3):
            tx.add(NodeRow(id="node_1", epoch=epoch, address="127.0.0.1:9372", version="0.1.0", generation=epoch))
    rows = await walk(api, "/api/admin/nodes", 2)
    assert [(row["id"], row["epoch"], row["generation"]) for row in rows] == [("node_1", e, e) for e in (3, 2, 1)]


async def test_keys_say_when_they_were_last_used(api: Api) -> None:
    account = await api.account()
    used, unused = [
        await api.make("/api/admin/keys", {"name": name, "account_id": account}) for name in ("used", "unused")
    ]
    rows = [request_row(n, account, key_id=used["id"]) for n in (3, 1, 2)]
    async with api.db.write_tx() as tx:
        tx.session.add_all(rows)
    newest = max(row.started_at for row in rows).isoformat().replace("+00:00", "Z")
    listed = {key["id"]: key["last_used_at"] for key in (await api.get(f"/api/keys?account_id={account}"))["data"]}
    assert listed == {used["id"]: newest, unused["id"]: None}
    assert (await api.get(f"/api/admin/keys/{used['id']}"))["last_used_at"] == newest
    before = await api.state()
    await api.call("PATCH", f"/api/admin/keys/{used['id']}", {"name": "used"}, status=200)
    assert await api.state() == before, "a use is no change"
