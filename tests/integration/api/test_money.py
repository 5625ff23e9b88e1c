"""Money through the API: exact both ways, moved once, recorded in full, never taken beyond what is there."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.integration.api.conftest import OPERATOR_TOKEN, Api
from tollway.db.tables import EntryRow, IdempotencyRow, TransferRow
from tollway.ledger import check_invariants

pytestmark = pytest.mark.integration


async def credit(api: Api, account: str, amount: str, key: str, **more: Any) -> Any:
    path = f"/api/admin/accounts/{account}/credits"
    return await api.call("POST", path, {"amount": amount, "reason": "r"}, headers={"idempotency-key": key}, **more)


async def transfers(api: Api) -> int:
    async with api.db.read_tx() as tx:
        return int(await tx.session.scalar(select(func.count()).select_from(TransferRow)) or 0)


async def test_amounts_come_back_exactly(api: Api) -> None:
    account = await api.account()
    total = Decimal(0)
    for n, (sent, shown) in enumerate(
        [("10", "10.00"), ("0.000000001", "0.000000001"), ("12.500000000", "12.50"), ("999999999.999999999", None)]
    ):
        made = (await credit(api, account, sent, f"k{n}", status=201)).json()
        assert made["amount"] == (shown or sent)
        total += Decimal(sent)
        assert Decimal(made["wallet"]["available"]) == total
    wallet = await api.get(f"/api/wallet?account_id={account}")
    assert wallet == {
        "account_id": account,
        "available": "1000000022.50",
        "held": "0.00",
        "spent": "0.00",
        "currency": "USD",
    }
    assert (await api.get(f"/api/admin/accounts/{account}"))["wallet"]["available"] == "1000000022.50"
    async with api.db.read_tx() as tx:
        assert [finding for finding in await check_invariants(tx) if not finding.ok] == []


async def test_a_repeated_credit_moves_once_and_answers_the_same(api: Api) -> None:
    account = await api.account()
    first = await credit(api, account, "10.00", "k1", status=201)
    assert "idempotency-replayed" not in first.headers
    assert int(first.headers["x-tollway-generation"]) == (await api.state())[0]
    again = await credit(api, account, "10.00", "k1", status=201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    before = await api.state()
    other = await credit(api, account, "11.00", "k1", status=409)
    assert other.json()["code"] == "idempotency_conflict"
    assert await transfers(api) == 1
    assert await api.state() == before
    elsewhere = await api.account()
    await credit(api, elsewhere, "11.00", "k1", status=201)  # kept per caller and path
    await credit(api, account, "10.00", "k2", status=201)
    assert (await api.get(f"/api/wallet?account_id={account}"))["available"] == "20.00"


async def test_many_at_once_with_one_key_move_once(api: Api) -> None:
    account = await api.account()
    answers = await asyncio.gather(*(credit(api, account, "1.00", "same", status=201) for _ in range(8)))
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await transfers(api) == 1


async def test_a_credit_needs_its_key(api: Api) -> None:
    account = await api.account()
    path = f"/api/admin/accounts/{account}/credits"
    answer = await api.call("POST", path, {"amount": "1"}, status=400)
    assert answer.json()["code"] == "idempotency_key_required"
    for key in ("   ", "x" * 256, "caf\u00e9".encode()):
        headers = [(b"idempotency-key", key if isinstance(key, bytes) else key.encode())]
        headers.append((b"authorization", f"Bearer {OPERATOR_TOKEN}".encode()))
        response = await api.client.post(path, json={"amount": "1"}, headers=headers)
        assert response.status_code == 400, key
    assert await transfers(api) == 0


async def test_no_more_is_taken_back_than_is_available(api: Api) -> None:
    account = await api.account()
    await credit(api, account, "5.00", "in", status=201)
    before = await api.state()
    answer = await credit(api, account, "-5.000000001", "out", status=409)
    assert answer.json()["code"] == "insufficient_balance"
    assert await api.state() == before
    async with api.db.read_tx() as tx:
        assert await tx.session.scalar(select(IdempotencyRow.key).where(IdempotencyRow.key == "out")) is None
    made = (await credit(api, account, "-5", "out", status=201)).json()
    assert (made["amount"], made["wallet"]["available"]) == ("-5.00", "0.00")
    await credit(api, "acc_nobody", "1", "x", status=404)


async def test_ledger_rows_of_a_transaction_sum_to_zero(api: Api) -> None:
    account, other = await api.account(), await api.account()
    for n, amount in enumerate(("10.00", "-2.25", "0.000000001")):
        await credit(api, account, amount, f"k{n}", status=201)
    await credit(api, other, "1", "o", status=201)
    rows = (await api.get(f"/api/admin/ledger?account_id={account}"))["data"]
    assert len(rows) == 6
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["transaction_id"]] = sums.get(row["transaction_id"], Decimal(0)) + Decimal(row["amount"])
        assert row["kind"] in ("deposit", "withdrawal")
        assert row["account"] in (f"wallet:{account}:available", "cash_in")
    assert list(sums.values()) == [Decimal(0)] * 3
    assert len((await api.get("/api/admin/ledger"))["data"]) == 8
    assert (await api.get("/api/admin/ledger?request_id=req_nothing"))["data"] == []
    moment = rows[0]["created_at"]
    assert (await api.get(f"/api/admin/ledger?account_id={account}&to={rows[-1]['created_at']}"))["data"] == []
    assert len((await api.get(f"/api/admin/ledger?account_id={account}&from={moment}"))["data"]) == 2


async def test_members_see_what_came_in_and_what_was_charged(api: Api) -> None:
    account = await api.account()
    for n, amount in enumerate(("10.00", "-2.25")):
        await credit(api, account, amount, f"k{n}", status=201)
    entries = await api.get(f"/api/wallet/entries?account_id={account}&limit=1")
    assert [(e["kind"], e["amount"], e["reason"]) for e in entries["data"]] == [("withdrawal", "-2.25", "r")]
    rest = await api.get(f"/api/wallet/entries?account_id={account}&limit=1&cursor={entries['next_cursor']}")
    assert [(e["kind"], e["amount"]) for e in rest["data"]] == [("deposit", "10.00")]
    assert rest["next_cursor"] is None


async def test_entries_name_who_moved_the_money(api: Api) -> None:
    account = await api.account()
    await credit(api, account, "1", "k", status=201)
    async with api.db.read_tx() as tx:
        transfer = (await tx.session.scalars(select(TransferRow))).one()
        legs = (await tx.session.scalars(select(EntryRow))).all()
    assert (transfer.created_by, transfer.reason) == ("operator-token", "r")
    assert sum(leg.amount_nano * leg.side for leg in legs) == 0
