"""The money's laws (I1, I3, I4) under any order of deposits, leases, settlements, replays, returns and ends.

A small model keeps the books by hand; after each step the database must agree with it and pass its own audit. Each
mutant breaks one rule on purpose and must be caught: a law that no mutant breaks is not tested.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.settles import settle_row
from tests.support.soak import amount
from tollway import ledger
from tollway.db import Database, WriteTx
from tollway.db.tables import AccountRow
from tollway.errors import InsufficientBalance
from tollway.ids import new_id
from tollway.ledger import settle

pytestmark = pytest.mark.integration

PROCESSES = 3
AMOUNT = st.integers(1, 1_000)
PROCESS = st.integers(0, PROCESSES - 1)
STEPS = st.one_of(
    st.tuples(st.just("deposit"), AMOUNT, st.booleans()),
    st.tuples(st.just("withdraw"), AMOUNT),
    st.tuples(st.just("lease"), PROCESS, st.one_of(AMOUNT, st.just(2**62)), st.booleans()),
    st.tuples(
        st.just("settle"), PROCESS, st.lists(AMOUNT, min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 50)
    ),
    st.tuples(st.just("replay"), PROCESS),
    st.tuples(st.just("return"), PROCESS, AMOUNT, st.booleans()),
    st.tuples(st.just("held"), PROCESS, st.integers(0, 500)),
    st.tuples(st.just("final"), PROCESS),
)


@dataclass
class Process:
    """One gateway process in the model: what it has left, what it reported, whether it said `final`."""

    epoch: int
    left: int = 0
    seq: int = 0
    reported: list[ledger.SettleRow] = field(default_factory=list)
    closed: bool = False


class Books:
    """The model and the database side by side, for one account and one node."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.account = new_id("acc")
        self.node = new_id("node")
        self.processes = [Process(epoch) for epoch in range(1, PROCESSES + 1)]
        self.available = self.spent = self.deposited = self.loss = 0

    async def open(self) -> None:
        async with self.db.write_tx() as tx:
            tx.add(AccountRow(id=self.account, name="a"))
            await ledger.open_wallet(tx, self.account)

    async def step(self, step: tuple[Any, ...]) -> None:
        await getattr(self, step[0])(*step[1:])
        await self.agree()

    async def deposit(self, nano: int, twice: bool) -> None:
        transfer_id = new_id("txn")
        for expected in (True, False) if twice else (True,):
            async with self.db.write_tx() as tx:
                assert await ledger.deposit(tx, self.account, nano, transfer_id=transfer_id) is expected
        self.available += nano
        self.deposited += nano

    async def withdraw(self, nano: int) -> None:
        try:
            async with self.db.write_tx() as tx:
                await ledger.withdraw(tx, self.account, nano, transfer_id=new_id("txn"))
        except InsufficientBalance:
            assert nano > self.available
        else:
            self.available -= nano
            self.deposited -= nano

    async def lease(self, number: int, want: int, twice: bool) -> None:
        process = self.processes[number]
        process.seq += 1
        expected = 0 if process.closed else min(want, self.available)
        for _ in range(2 if twice else 1):
            async with self.db.write_tx() as tx:
                grant = await ledger.grant_lease(tx, self.node, process.epoch, process.seq, self.account, want)
            assert grant.granted == expected
        self.available -= expected
        process.left += expected

    async def settle(self, number: int, charges: list[int], outcome: int, excess: int) -> None:
        process = self.processes[number]
        rows = []
        for charge in charges:
            process.seq += 1
            charge = 0 if outcome == 1 else charge
            over = 0 if outcome == 1 else excess
            rows.append(settle_row(process.seq, self.account, charge, outcome=outcome, excess_nano=over))
            posted = min(charge, process.left)
            process.left -= posted
            self.spent += posted
            self.loss += charge + over - posted
        process.reported += rows
        assert await self.report(process, rows) == len(rows)

    async def report(self, process: Process, rows: list[ledger.SettleRow]) -> int:
        async with self.db.write_tx() as tx:
            return await ledger.settle_batch(tx, self.node, process.epoch, rows)

    async def replay(self, number: int) -> None:
        process = self.processes[number]
        assert await self.report(process, process.reported) == 0

    async def give_back(self, number: int, nano: int, twice: bool) -> None:
        process = self.processes[number]
        process.seq += 1
        for _ in range(2 if twice else 1):
            async with self.db.write_tx() as tx:
                await ledger.return_leases(tx, self.node, process.epoch, [(process.seq, self.account, nano)])
        back = min(nano, process.left)
        process.left -= back
        self.available += back

    async def held(self, number: int, nano: int) -> None:
        async with self.db.write_tx() as tx:
            await ledger.note_held(tx, self.node, self.processes[number].epoch, [(self.account, nano)])

    async def final(self, number: int) -> None:
        process = self.processes[number]
        async with self.db.write_tx() as tx:
            await ledger.close_epoch(tx, self.node, process.epoch)
        self.available += process.left
        process.left, process.closed = 0, True

    async def agree(self) -> None:
        async with self.db.read_tx() as tx:
            findings = await ledger.check_invariants(tx)
            state = await ledger.wallet_state(tx, self.account)
        assert [finding for finding in findings if not finding.ok] == []
        assert (state.lying, state.spent, state.deposited) == (self.available, self.spent, self.deposited)
        assert state.available + state.held + state.spent == self.deposited
        assert state.available >= 0
        if all(process.closed for process in self.processes):
            assert state.held == 0


setattr(Books, "return", Books.give_back)


def run(dsn: str, schedule: list[tuple[Any, ...]]) -> None:
    async def main() -> None:
        db = Database(dsn)
        try:
            books = Books(db)
            await books.open()
            for step in schedule:
                await books.step(step)
        finally:
            await db.close()

    asyncio.run(main())


@settings(
    max_examples=amount(quick=30, long=150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(schedule=st.lists(STEPS, min_size=4, max_size=14))
def test_money_is_neither_made_nor_lost_in_any_order(dsn: str, schedule: list[tuple[Any, ...]]) -> None:
    run(dsn, [("deposit", 500, False), *schedule])


# One schedule that walks through everything the mutants break.
WALK: list[tuple[Any, ...]] = [
    ("deposit", 1_000, True),
    ("lease", 0, 300, True),
    ("held", 0, 120),
    ("settle", 0, [100, 150], 0, 5),
    ("replay", 0),
    ("settle", 0, [100], 2, 0),
    ("lease", 1, 2**62, False),
    ("return", 1, 200, True),
    ("withdraw", 100),
    ("settle", 1, [50], 1, 0),
    ("final", 1),
    ("held", 1, 60),
    ("settle", 1, [70], 0, 0),
    ("lease", 1, 10, False),
    ("final", 0),
]


def test_the_walk_itself_holds(dsn: str) -> None:
    run(dsn, WALK)


def test_mutant_paying_without_regard_to_the_lease_is_caught(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(row: ledger.SettleRow, _left: int) -> settle.Share:
        return settle.Share(row.charge_nano, row.excess_nano)

    monkeypatch.setattr(settle, "share", greedy)
    with pytest.raises(Exception, match=r"CHECK constraint|check constraint"):
        run(dsn, WALK)


def test_mutant_posting_a_replay_again_is_caught(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgetful(_tx: WriteTx, _node: str, _epoch: int, rows: list[ledger.SettleRow]) -> list[ledger.SettleRow]:
        return rows

    monkeypatch.setattr(settle, "_not_yet_posted", forgetful)
    with pytest.raises(Exception, match="already exists"):
        run(dsn, WALK)


def test_mutant_giving_an_open_lease_back_is_caught(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tollway.ledger import leases

    async def all_of_it(_tx: Any, _node: str, _epoch: int, _accounts: Any) -> dict[str, int]:
        class Endless(dict[str, int]):
            def get(self, _key: str, _default: Any = None) -> int:
                return 10**9

        return Endless()

    monkeypatch.setattr(leases, "leases_left", all_of_it)
    with pytest.raises((AssertionError, Exception), match=r"(?i)check constraint|assert"):
        run(dsn, [("deposit", 100, False), ("lease", 0, 50, False), ("return", 0, 80, False)])
