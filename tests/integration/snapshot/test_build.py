"""What a snapshot says, row by row, and that a delta applied to its base is the whole."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from tests.support.catalogue import CREATED, Made, make_catalogue
from tests.support.soak import amount
from tollway.crypto import Vault
from tollway.db import Database, WriteTx
from tollway.db.tables import (
    AccountRow,
    CredentialRow,
    GroupRow,
    KeyRow,
    ModelRow,
    PriceRow,
    RevisionRow,
    UpstreamRow,
    table,
)
from tollway.ids import new_id, to_bytes
from tollway.snapshot import build_delta, build_full
from tollway.snapshot.rows import NO_ENDPOINT

pytestmark = pytest.mark.integration
VAULT = Vault([b"v" * 32])


async def full(db: Database) -> list[Any]:
    async with db.read_tx() as tx:
        decoded: list[Any] = msgspec.msgpack.decode(await build_full(tx, VAULT))
    return decoded


async def delta(db: Database, base: int) -> list[Any] | None:
    async with db.read_tx() as tx:
        raw = await build_delta(tx, VAULT, base)
    return None if raw is None else msgspec.msgpack.decode(raw)


async def test_a_whole_snapshot_is_the_contract(db: Database) -> None:
    made = await make_catalogue(db, VAULT)
    prices = [150_000, 150_000, 150_000, 150_000, 600_000, 600_000, 150_000, 600_000, 150_000, 600_000]
    assert await full(db) == [
        1,
        made.generation,
        0,
        [["default", 1_000_000, ["*"], 0, 0, 0]],
        [
            [
                "m", 0, 1, "us", int(CREATED.timestamp()), 0, 100, ["text"], ["text"], 4000,
                [to_bytes(made.price), prices, 0, 0, 0, 0],
                [["up", "real-m", 1, 3]],
                0, 0, 0,
            ]
        ],
        [
            [
                "up", 0, "http://127.0.0.1:9/v1", 1, [[to_bytes(made.credential), "s3cret"]],
                [0, 0, 0, 0, 7, 0], [["a", "1"], ["b", "2"]],
            ]
        ],
        [[to_bytes(made.account), "default", 1, 5, 0, 0, ["default"]]],
        [[b"k" * 32, to_bytes(made.key), to_bytes(made.account), 1, 0, 0, 0, 0, 0b1001, None, None, None]],
        [],
    ]  # fmt: skip


async def test_an_empty_installation_has_a_snapshot(db: Database) -> None:
    assert await full(db) == [1, 1, 0, [["default", 1_000_000, ["*"], 0, 0, 0]], [], [], [], [], []]


async def test_the_newest_price_that_is_valid_counts(db: Database) -> None:
    await make_catalogue(db, VAULT)
    newer, later = new_id("price"), new_id("price")
    async with db.write_tx() as tx:
        tx.add(PriceRow(id=newer, model_name="m", valid_from=CREATED + timedelta(days=1), request_nano=9, input_pico=0))
        future = datetime.now(UTC) + timedelta(days=1)
        tx.add(PriceRow(id=later, model_name="m", valid_from=future, request_nano=1_000))
    price = (await full(db))[4][0][10]
    assert price == [to_bytes(newer), [0] * 10, 9, 0, 0, 0]


async def test_what_is_off_or_gone_is_marked_or_left_out(db: Database) -> None:
    made = await make_catalogue(db, VAULT)
    now = datetime.now(UTC)
    async with db.write_tx() as tx:
        await tx.session.execute(update(AccountRow).values(deleted_at=now))
        await tx.session.execute(update(KeyRow).values(enabled=False, endpoints=["unheard-of"], expires_at=CREATED))
        await tx.session.execute(update(ModelRow).values(free=True))
        await tx.session.execute(update(UpstreamRow).values(deleted_at=now))
    _, _, _, _, models, upstreams, accounts, keys, _ = await full(db)
    assert (models[0][2], models[0][10], models[0][11]) == (3, None, []), "no price when free, no route to what is gone"
    assert (upstreams, accounts[0][2]) == ([], 0)
    assert (keys[0][3], keys[0][4], keys[0][8]) == (0, int(CREATED.timestamp()), NO_ENDPOINT)
    async with db.write_tx() as tx:
        await tx.session.execute(update(KeyRow).values(deleted_at=now))
        tx.touch("key", made.key, b"k" * 32)
    assert (await full(db))[7] == []


async def test_a_credential_that_does_not_open_is_left_out_alone(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    made = await make_catalogue(db, VAULT)
    async with db.write_tx() as tx:
        tx.add(CredentialRow(id=new_id("cred"), upstream_name="up", sealed=b"\x01nonsense", hint="h"))
    assert (await full(db))[5][0][4] == [[to_bytes(made.credential), "s3cret"]]
    assert "does not open" in caplog.text
    assert "s3cret" not in caplog.text


Change = Callable[[WriteTx, Made], Awaitable[None]]


async def _group(tx: WriteTx, _made: Made) -> None:
    await tx.session.execute(update(GroupRow).values(price_multiplier_micro=2_000_000))
    tx.touch("group", "default")


async def _model(tx: WriteTx, _made: Made) -> None:
    await tx.session.execute(update(ModelRow).values(enabled=False))
    tx.touch("model", "m")


async def _upstream(tx: WriteTx, _made: Made) -> None:
    await tx.session.execute(update(UpstreamRow).values(deleted_at=tx.now))
    tx.touch("upstream", "up")


async def _account(tx: WriteTx, made: Made) -> None:
    await tx.session.execute(update(AccountRow).values(enabled=False))
    tx.touch("account", made.account)


async def _rotate(tx: WriteTx, made: Made) -> None:
    await tx.session.execute(update(KeyRow).where(KeyRow.id == made.key).values(digest=b"n" * 32))
    tx.touch("key", made.key, b"k" * 32)


async def _delete(tx: WriteTx, made: Made) -> None:
    await tx.session.execute(update(KeyRow).where(KeyRow.id == made.key).values(deleted_at=tx.now))
    tx.touch("key", made.key)


async def _new_key(tx: WriteTx, made: Made) -> None:
    key = new_id("key")
    tx.add(KeyRow(id=key, account_id=made.account, name="k2", digest=b"2" * 32, hint="h"))
    tx.touch("key", key)


def applied(base: list[Any], change: list[Any]) -> list[Any]:
    """A delta applied by the contract's words."""
    assert change[2] == base[1]
    tables = [new if new is not None else old for old, new in zip(base[3:6], change[3:6], strict=True)]
    accounts = {row[0]: row for row in [*base[6], *change[6]]}
    keys = {row[0]: row for row in [*base[7], *change[7]]}
    for digest in change[8]:
        keys.pop(digest, None)
    return [1, change[1], 0, *tables, _sorted(accounts), _sorted(keys), []]


def _sorted(rows: dict[bytes, Any]) -> list[Any]:
    return sorted(rows.values(), key=lambda row: bytes(row[0]))


def normal(snapshot: list[Any]) -> list[Any]:
    accounts, keys = ({row[0]: row for row in rows} for rows in snapshot[6:8])
    return [*snapshot[:6], _sorted(accounts), _sorted(keys), []]


CHANGES: list[list[Change]] = [
    [_group], [_model], [_upstream], [_account], [_rotate], [_delete], [_new_key],
    [_new_key, _rotate, _delete], [_group, _model, _upstream, _account, _rotate],
]  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: "+".join(change.__name__[1:] for change in changes))
async def test_a_delta_on_its_base_is_the_whole(db: Database, changes: list[Change]) -> None:
    made = await make_catalogue(db, VAULT)
    base = await full(db)
    for change in changes:
        async with db.write_tx() as tx:
            await change(tx, made)
    change_set = await delta(db, base[1])
    assert change_set is not None
    assert applied(base, change_set) == normal(await full(db))


async def test_a_key_change_does_not_carry_the_catalogue(db: Database) -> None:
    made = await make_catalogue(db, VAULT)
    async with db.write_tx() as tx:
        await _rotate(tx, made)
    change = await delta(db, made.generation)
    assert change is not None
    assert change[3:7] == [None, None, None, []]
    assert (change[7][0][0], change[8]) == (b"n" * 32, [b"k" * 32])


async def test_a_whole_is_needed_where_the_log_does_not_reach(db: Database) -> None:
    made = await make_catalogue(db, VAULT)
    assert await delta(db, made.generation) is None, "nothing to say"
    assert await delta(db, 0) is None
    assert await delta(db, made.generation + 5) is None, "the node is ahead of us"
    async with db.write_tx() as tx:
        await tx.session.execute(update(RevisionRow).values(generation=50))
    assert await delta(db, made.generation) is None, "a gap in the log"


async def test_many_keys_are_built_in_reasonable_time(db: Database) -> None:
    count = amount(quick=20_000, long=100_000)
    made = await make_catalogue(db, VAULT)
    now = datetime.now(UTC)
    common = {"account_id": made.account, "name": "k", "hint": "h", "enabled": True, "version": 1}
    times = {"created_at": now, "updated_at": now}
    async with db.write_tx() as tx:
        for at in range(0, count, 10_000):
            rows = [
                {"id": new_id("key"), "digest": n.to_bytes(32, "big"), **common, **times}
                for n in range(at, at + 10_000)
            ]
            await tx.session.execute(insert(table(KeyRow)), rows)
    before = time.perf_counter()
    async with db.read_tx() as tx:
        raw = await build_full(tx, VAULT)
    took = time.perf_counter() - before
    print(f"{count + 1:,} keys: {took * 1000:.0f} ms, {len(raw):,} bytes")  # noqa: T201
    assert len(msgspec.msgpack.decode(raw)[7]) == count + 1
    assert took < count / 10_000, "an order of magnitude above what was measured: half a second for 100,000"
