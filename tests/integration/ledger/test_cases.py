"""The ledger's single rules, each by a case that a person can follow."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import func, select, text

from tests.support.settles import settle_row
from tollway import ledger
from tollway.db import Database, ReadTx
from tollway.db.tables import (
    AccountRow,
    EntryRow,
    KeyBudgetRow,
    KeyRow,
    LeaseGrantRow,
    LeaseRow,
    RequestRow,
    TransferRow,
    UsageHourRow,
)
from tollway.errors import Conflict, InsufficientBalance, NotFound
from tollway.ids import from_bytes, new_id
from tollway.ledger.hours import period_start
from tollway.ledger.leases import REFUSALS_KEPT

pytestmark = pytest.mark.integration
NODE = new_id("node")


async def account_with(db: Database, nano: int) -> str:
    account = new_id("acc")
    async with db.write_tx() as tx:
        tx.add(AccountRow(id=account, name="a"))
        await ledger.open_wallet(tx, account)
        if nano:
            await ledger.deposit(tx, account, nano, transfer_id=new_id("txn"), reason="test", created_by="tests")
    return account


async def lease(db: Database, account: str, want: int, *, epoch: int = 1, seq: int = 1) -> ledger.Grant:
    async with db.write_tx() as tx:
        return await ledger.grant_lease(tx, NODE, epoch, seq, account, want)


async def settle(db: Database, *rows: ledger.SettleRow, epoch: int = 1) -> int:
    async with db.write_tx() as tx:
        return await ledger.settle_batch(tx, NODE, epoch, rows)


async def balances(tx: ReadTx) -> dict[str, int]:
    signed = select(EntryRow.account, func.sum(EntryRow.amount_nano * EntryRow.side)).group_by(EntryRow.account)
    return {account: int(nano) for account, nano in await tx.session.execute(signed)}


async def test_a_request_is_paid_from_its_lease(db: Database) -> None:
    account = await account_with(db, 1_000)
    assert (await lease(db, account, 2**62)).granted == 1_000
    assert await settle(db, settle_row(1, account, 300, hold_nano=400)) == 1
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, account)
        sums = await balances(tx)
        row = (await tx.session.scalars(select(RequestRow))).one()
        transfer = (await tx.session.scalars(select(TransferRow).where(TransferRow.kind == "settle"))).one()
    assert state == ledger.WalletState(available=700, held=0, spent=300, deposited=1_000, lying=0)
    assert sums == {
        "cash_in": -1_000,
        f"wallet:{account}:available": 0,
        f"wallet:{account}:escrow": 700,
        "revenue": 300,
    }
    assert (row.posted_nano, row.loss_nano, row.charge_nano, row.hold_nano) == (300, 0, 300, 400)
    assert (transfer.id, transfer.request_id) == (f"hold/{NODE}/1/1", row.request_id)


async def test_a_late_report_for_a_closed_epoch_is_the_operators_loss(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 600)
    async with db.write_tx() as tx:
        await ledger.close_epoch(tx, NODE, 1)
    assert await settle(db, settle_row(1, account, 250)) == 1
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, account)
        sums = await balances(tx)
    assert (state.available, state.spent) == (1_000, 0)
    assert (sums["operator_loss"], sums["revenue"]) == (-250, 250)


async def test_excess_beyond_the_hold_is_never_the_customers(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 1_000)
    await settle(db, settle_row(1, account, 300, excess_nano=40))
    await settle(db, msgspec.structs.replace(settle_row(2, account, 300), hold_nano=100))
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, account)
        sums = await balances(tx)
    assert (state.spent, sums["operator_loss"], sums["revenue"]) == (400, -240, 640)


async def test_a_voided_hold_is_kept_as_usage_and_moves_nothing(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 1_000)
    await settle(db, settle_row(1, account, 0, outcome=1, status=502, error_code="upstream_error"))
    async with db.read_tx() as tx:
        kinds = (await tx.session.scalars(select(TransferRow.kind))).all()
        hour = (await tx.session.scalars(select(UsageHourRow))).one()
        assert (await tx.session.scalars(select(RequestRow.outcome))).all() == [1]
    assert sorted(kinds) == ["deposit", "lease"]
    assert (hour.calls, hour.errors, hour.faults, hour.charge_nano) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("code", "status", "faults"),
    [
        ("upstream_timeout", 504, 1),
        ("upstream_rate_limited", 429, 1),
        ("no_healthy_upstream", 503, 1),
        ("upstream_error", 200, 1),  # a stream that broke off
        ("client_gone", 499, 0),
        ("invalid_request", 400, 0),
        ("internal_error", 500, 0),
    ],
)
async def test_an_hour_tells_the_providers_faults_from_others(
    db: Database, code: str, status: int, faults: int
) -> None:
    account = await account_with(db, 10)
    await settle(db, settle_row(1, account, 0, status=status, error_code=code), settle_row(2, account, 0))
    await settle(db, settle_row(3, account, 0, status=status, error_code=code))
    async with db.read_tx() as tx:
        hour = (await tx.session.scalars(select(UsageHourRow))).one()
    assert (hour.calls, hour.errors, hour.faults) == (3, 2, 2 * faults)


async def test_a_request_that_cost_nothing_has_a_transfer_without_entries(db: Database) -> None:
    account = await account_with(db, 10)
    await settle(db, settle_row(1, account, 0))
    async with db.read_tx() as tx:
        transfer = (await tx.session.scalars(select(TransferRow).where(TransferRow.kind == "settle"))).one()
        entries = select(func.count()).select_from(EntryRow).where(EntryRow.transfer_id == transfer.id)
        assert await tx.session.scalar(entries) == 0


async def test_a_settlement_for_an_unknown_account_is_kept_as_a_loss(db: Database) -> None:
    stranger = new_id("acc")
    assert await settle(db, settle_row(1, stranger, 77)) == 1
    async with db.read_tx() as tx:
        assert (await balances(tx)) == {"operator_loss": -77, "revenue": 77}
        assert all(finding.ok for finding in await ledger.check_invariants(tx))


async def test_the_same_hold_twice_in_one_report_is_one(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 1_000)
    row = settle_row(1, account, 100)
    assert await settle(db, row, row) == 1
    assert await settle(db, row, settle_row(2, account, 50)) == 1
    async with db.read_tx() as tx:
        assert (await ledger.wallet_state(tx, account)).spent == 150


async def test_the_same_number_in_another_epoch_is_another_hold(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 500, epoch=1)
    await lease(db, account, 500, epoch=2)
    await settle(db, settle_row(1, account, 100), epoch=1)
    await settle(db, settle_row(1, account, 100), epoch=2)
    async with db.read_tx() as tx:
        assert (await ledger.wallet_state(tx, account)).spent == 200


async def test_concurrent_copies_of_a_report_post_once(db: Database) -> None:
    account = await account_with(db, 10_000)
    await lease(db, account, 10_000)
    rows = [settle_row(seq, account, 10) for seq in range(1, 21)]
    posted = await asyncio.gather(*(settle(db, *rows) for _ in range(5)))
    assert sorted(posted) == [0, 0, 0, 0, 20]
    async with db.read_tx() as tx:
        assert (await ledger.wallet_state(tx, account)).spent == 200
        assert all(finding.ok for finding in await ledger.check_invariants(tx))


async def test_concurrent_leases_never_lend_more_than_there_is(db: Database) -> None:
    account = await account_with(db, 1_000)
    grants = await asyncio.gather(*(lease(db, account, 300, epoch=epoch) for epoch in range(1, 9)))
    assert sorted(grant.granted for grant in grants) == [0, 0, 0, 0, 100, 300, 300, 300]


async def test_a_lease_is_answered_alike_when_asked_again_also_with_nothing(db: Database) -> None:
    account = await account_with(db, 0)
    assert (await lease(db, account, 100)).granted == 0
    async with db.write_tx() as tx:
        await ledger.deposit(tx, account, 500, transfer_id=new_id("txn"))
    assert (await lease(db, account, 100)).granted == 0
    assert (await lease(db, account, 100, seq=2)).granted == 100
    assert (await lease(db, account, 100, seq=2)).granted == 100
    other = await account_with(db, 10)
    with pytest.raises(Conflict):
        await lease(db, other, 1, seq=2)


async def test_refusals_that_are_kept_have_a_bound(db: Database) -> None:
    account = await account_with(db, 0)
    await lease(db, account, 1, seq=1)
    await lease(db, account, 1, seq=1 + REFUSALS_KEPT)
    await lease(db, account, 1, seq=2 + REFUSALS_KEPT)
    async with db.read_tx() as tx:
        kept = (await tx.session.scalars(select(LeaseGrantRow.seq).order_by(LeaseGrantRow.seq))).all()
    assert list(kept) == [1 + REFUSALS_KEPT, 2 + REFUSALS_KEPT]


async def test_an_empty_wallet_recalls_what_lies_free_elsewhere(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 2**62, epoch=1)
    async with db.write_tx() as tx:
        await ledger.note_held(tx, NODE, 1, [(account, 400)])
    assert await lease(db, account, 100, epoch=2) == ledger.Grant(0, elsewhere=600)
    async with db.write_tx() as tx:
        assert await ledger.take_recalls(tx, NODE, 2) == []
        assert await ledger.take_recalls(tx, NODE, 1) == [account]
        assert await ledger.take_recalls(tx, NODE, 1) == [], "said once"
    async with db.write_tx() as tx:
        await ledger.return_leases(tx, NODE, 1, [(1, account, 600)])
    assert await lease(db, account, 100, epoch=2, seq=2) == ledger.Grant(100)


async def test_what_nodes_have_can_be_asked_back_for_a_withdrawal(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 2**62)
    with pytest.raises(InsufficientBalance):
        async with db.write_tx() as tx:
            await ledger.withdraw(tx, account, 400, transfer_id=new_id("txn"))

    async def node() -> None:
        while True:
            async with db.write_tx() as tx:
                asked = await ledger.take_recalls(tx, NODE, 1)
                if asked:
                    await ledger.return_leases(tx, NODE, 1, [(9, account, 1_000)])
                    return

    answering = asyncio.create_task(node())
    assert await ledger.ask_back(db, account, 400)
    await answering
    async with db.write_tx() as tx:
        assert await ledger.withdraw(tx, account, 400, transfer_id=new_id("txn"))
    assert not await ledger.ask_back(db, account, 601), "more than there is: not waited for"


async def test_asking_back_from_a_silent_node_ends(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 2**62)
    assert not await ledger.ask_back(db, account, 400, wait_ms=60)


async def test_held_splits_what_is_shown_and_never_exceeds_the_lease(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 600)
    async with db.write_tx() as tx:
        await ledger.note_held(tx, NODE, 1, [(account, 250)])
    await settle(db, settle_row(1, account, 500))
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, account)
    assert (state.available, state.held, state.spent) == (400, 100, 500)


async def test_a_transfer_id_of_another_movement_is_a_conflict(db: Database) -> None:
    account = await account_with(db, 0)
    async with db.write_tx() as tx:
        await ledger.deposit(tx, account, 5, transfer_id="txn_x")
    with pytest.raises(Conflict):
        async with db.write_tx() as tx:
            await ledger.deposit(tx, account, 6, transfer_id="txn_x")
    with pytest.raises(NotFound):
        async with db.write_tx() as tx:
            await ledger.deposit(tx, "acc_none", 6, transfer_id="txn_y")


async def test_hourly_sums_and_budgets_follow_the_requests(db: Database) -> None:
    account = await account_with(db, 10_000)
    await lease(db, account, 10_000)
    row = settle_row(1, account, 100)
    key_id = from_bytes(row.key, "key")
    async with db.write_tx() as tx:
        tx.add(KeyRow(id=key_id, account_id=account, name="k", digest=b"d" * 32, hint="h"))
        await tx.flush()
        start = datetime(2020, 1, 1, tzinfo=UTC)
        tx.add(KeyBudgetRow(key_id=key_id, amount_nano=500, period="month", period_start=start, spent_nano=77))
    await settle(db, row, settle_row(2, account, 50))
    await settle(db, settle_row(3, account, 25))
    async with db.read_tx() as tx:
        hour = (await tx.session.scalars(select(UsageHourRow))).one()
        budget = await tx.session.get_one(KeyBudgetRow, key_id)
    assert (hour.calls, hour.charge_nano, hour.input_tokens, hour.output_tokens) == (3, 175, 30, 15)
    assert hour.hour.minute == 0
    assert (budget.spent_nano, budget.period_start) == (175, period_start("month", datetime.now(UTC)))


async def test_the_audit_sees_what_is_wrong(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 500)
    await settle(db, settle_row(1, account, 100))
    async with db.write_tx() as tx:
        await tx.session.execute(text("UPDATE wallets SET available_nano = 499, deposited_nano = 999"))
        await tx.session.execute(text("DELETE FROM requests"))
        await tx.session.execute(text("UPDATE leases SET posted_nano = 0"))
        await tx.session.execute(
            text("INSERT INTO entries (transfer_id, account, amount_nano, side) SELECT id, 'revenue', 1, 1 "
                 "FROM transfers WHERE kind = 'deposit'")
        )  # fmt: skip
    async with db.read_tx() as tx:
        wrong = {finding.name for finding in await ledger.check_invariants(tx) if not finding.ok}
    assert wrong == {
        "transfers_sum_to_zero",
        "wallets_equal_entries",
        "escrow_equals_leases",
        "spent_equals_requests",
        "one_request_per_settlement",
        "hours_equal_requests",
    }


async def test_final_returns_each_lease_once(db: Database) -> None:
    account = await account_with(db, 1_000)
    await lease(db, account, 600)
    for _ in range(2):
        async with db.write_tx() as tx:
            await ledger.close_epoch(tx, NODE, 1)
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, account)
        lease_row = (await tx.session.scalars(select(LeaseRow))).one()
    assert (state.lying, lease_row.state, lease_row.returned_nano) == (1_000, "closed", 600)
