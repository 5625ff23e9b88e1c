"""Each movement of a wallet shows the balance after it: exact, across pages, behind filters, on both engines."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.support.settles import settle_row
from tollway.ids import new_id
from tollway.ledger import close_epoch, deposit, grant_lease, settle_batch, withdraw

pytestmark = pytest.mark.integration


async def busy_wallet(api: Api, account: str, rng: random.Random) -> None:
    """Deposits, withdrawals, leases and settlements, several in one transaction and thus at one moment."""
    node, seq = new_id("node"), 0
    for epoch in range(1, 13):
        async with api.db.write_tx() as tx:
            await deposit(tx, account, rng.randrange(1, 10**10), transfer_id=new_id("txn"), reason=f"pay {epoch % 3}")
            await deposit(tx, account, 50_000_000_000, transfer_id=new_id("txn"), reason="float")
            grant = await grant_lease(tx, node, epoch, 1, account, 40_000_000_000)
            assert grant.granted > 10_000_000_000
            charges = [rng.choice([0, 1, rng.randrange(10**9)]) for _ in range(4)]
            await settle_batch(
                tx, node, epoch, [settle_row(seq + n, account, nano) for n, nano in enumerate(charges, 1)]
            )
            seq += len(charges)
            await close_epoch(tx, node, epoch)
        async with api.db.write_tx() as tx:
            await withdraw(tx, account, rng.randrange(1, 10**9), transfer_id=new_id("txn"), reason="back")


async def walk(api: Api, path: str, limit: int) -> list[Any]:
    rows: list[Any] = []
    cursor = ""
    while True:
        page = await api.get(f"{path}&limit={limit}{cursor}")
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = f"&cursor={page['next_cursor']}"


async def test_balances_follow_from_amounts_across_pages(api: Api) -> None:
    account, other = await api.account(), await api.account()
    for seed, name in enumerate((account, other)):  # the neighbour's movements lie among them
        await busy_wallet(api, name, random.Random(seed))
    path = f"/api/wallet/entries?account_id={account}"
    rows = await walk(api, path, 200)
    assert {row["kind"] for row in rows} == {"deposit", "withdrawal", "settle"}
    balance = Decimal(0)
    for row in reversed(rows):
        balance += Decimal(row["amount"])
        assert Decimal(row["balance"]) == balance, row
    wallet = await api.get(f"/api/wallet?account_id={account}")
    assert Decimal(wallet["available"]) + Decimal(wallet["held"]) == balance
    for limit in (1, 4, 7):
        assert await walk(api, path, limit) == rows


async def test_filters_leave_out_rows_and_not_their_money(api: Api) -> None:
    account = await api.account()
    await busy_wallet(api, account, random.Random(4))
    path = f"/api/wallet/entries?account_id={account}"
    rows = await walk(api, path, 200)
    found = await walk(api, f"{path}&q=pay 1", 2)
    assert found == [row for row in rows if row["reason"] == "pay 1"]
    assert len(found) == 4
    start, end = rows[30]["created_at"], rows[8]["created_at"]
    within = await walk(api, f"{path}&from={start}&to={end}", 3)
    assert within == [row for row in rows if start <= row["created_at"] < end]
    assert within != []
    assert (await api.get(f"{path}&q=nothing"))["data"] == []


async def test_an_empty_wallet_has_no_entries(api: Api) -> None:
    account = await api.account()
    assert (await api.get(f"/api/wallet/entries?account_id={account}"))["data"] == []
