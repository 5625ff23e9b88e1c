"""The inner endpoints, as a node calls them: msgpack over HTTP, one answer for ever, nothing without the token."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import func, select, update

from tests.support.catalogue import Made, make_catalogue
from tests.support.fake_node import TOKEN, fake_node
from tests.support.settles import settle_row
from tollway import ledger
from tollway.crypto import Vault
from tollway.db import Database
from tollway.db.tables import NodeRow, RequestRow
from tollway.http.problems import problem_handlers
from tollway.ids import new_id, to_bytes
from tollway.nodes.routes import NodeDesk, router
from tollway.snapshot import Publisher

pytestmark = pytest.mark.integration
VAULT = Vault([b"v" * 32])
NODE = new_id("node")


class Caller:
    """A node's side of the wire."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def raw(self, path: str, body: bytes, token: str = TOKEN) -> Any:
        headers = {"x-tollway-node-token": token, "content-type": "application/msgpack"}
        return await self.client.post(f"/internal/node/{path}", content=body, headers=headers)

    async def call(self, path: str, **body: Any) -> dict[str, Any]:
        response = await self.raw(path, msgspec.msgpack.encode({"node": NODE, "epoch": 1, **body}))
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/msgpack"
        answer: dict[str, Any] = msgspec.msgpack.decode(response.content)
        return answer


@pytest.fixture
async def caller(db: Database) -> AsyncIterator[Caller]:
    async with Publisher(db, VAULT, TOKEN) as publisher:
        app = Litestar([router], exception_handlers=problem_handlers())
        app.state.node_desk = NodeDesk(db, publisher, TOKEN)
        # In this loop, unlike Litestar's own test client: the database's connections belong to it.
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
            yield Caller(client)


@pytest.fixture
async def made(db: Database) -> Made:
    made = await make_catalogue(db, VAULT)
    async with db.write_tx() as tx:
        await ledger.deposit(tx, made.account, 1_000, transfer_id=new_id("txn"))
    return made


async def test_a_hello_is_noted_and_answered_with_a_push(db: Database, caller: Caller, made: Made) -> None:
    async with fake_node() as node:
        body = {"address": node.address, "generation": 0, "version": "1"}
        assert await caller.call("hello", **body) == {"generation": made.generation}
        await node.reaches(made.generation)
        body["generation"] = made.generation
        await caller.call("hello", **body)
    async with db.read_tx() as tx:
        row = await tx.session.get_one(NodeRow, (NODE, 1))
    assert (row.address, row.version, row.state, row.generation) == (node.address, "1", "up", made.generation)


async def test_a_whole_life(db: Database, caller: Caller, made: Made) -> None:
    account = to_bytes(made.account)
    assert await caller.call("lease", seq=1, account=account, want=2**63) == {"granted": 1_000, "elsewhere": 0}
    assert await caller.call("lease", seq=1, account=account, want=2**63) == {"granted": 1_000, "elsewhere": 0}
    row = settle_row(1, made.account, 100, hold_nano=300)
    report = {"settles": [row], "held": [[account, 250]], "returned": [[1, account, 200]], "final": False}
    for _ in range(2):
        assert await caller.call("report", **report) == {"acked": 1, "recall": []}
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, made.account)
    assert (state.available, state.held, state.spent, state.lying) == (650, 250, 100, 200)
    assert await caller.call("report", settles=[], held=[], returned=[], final=True) == {"acked": 0, "recall": []}
    assert (await caller.call("lease", seq=2, account=account, want=10))["granted"] == 0, "a closed epoch"
    async with db.read_tx() as tx:
        state = await ledger.wallet_state(tx, made.account)
        assert all(finding.ok for finding in await ledger.check_invariants(tx))
    assert (state.lying, state.held, state.spent) == (900, 0, 100)


async def test_a_successor_gets_what_lies_free_with_its_predecessor(caller: Caller, made: Made) -> None:
    account = to_bytes(made.account)
    await caller.call("lease", seq=1, account=account, want=2**62)
    wish = {"epoch": 2, "account": account, "want": 10}
    assert await caller.call("lease", seq=1, **wish) == {"granted": 0, "elsewhere": 1_000}
    assert (await caller.call("report"))["recall"] == [account]
    await caller.call("report", returned=[[1, account, 1_000]])
    assert (await caller.call("lease", seq=2, **wish))["granted"] == 10


@pytest.mark.parametrize("path", ["hello", "lease", "report"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x"])
async def test_without_the_token_nothing_is_read(caller: Caller, path: str, token: str) -> None:
    response = await caller.raw(path, b"\xff", token)
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"


GOOD = {"node": NODE, "epoch": 1, "seq": 1, "account": b"a" * 16, "want": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("lease", b""),
        ("lease", b"\xc1"),
        ("lease", msgspec.msgpack.encode([])),
        ("lease", msgspec.msgpack.encode({**GOOD, "node": "node_x"})),
        ("lease", msgspec.msgpack.encode({**GOOD, "account": b"short"})),
        ("lease", msgspec.msgpack.encode({**GOOD, "want": -1})),
        ("lease", msgspec.msgpack.encode({**GOOD, "epoch": 2**63})),
        ("lease", msgspec.msgpack.encode({**GOOD, "seq": True})),
        (
            "hello",
            msgspec.msgpack.encode({"node": NODE, "epoch": 1, "address": "evil/x", "generation": 0, "version": ""}),
        ),
        (
            "hello",
            msgspec.msgpack.encode({"node": NODE, "epoch": 1, "address": "a@b:1", "generation": 0, "version": ""}),
        ),
        ("report", msgspec.msgpack.encode({"node": NODE, "epoch": 1, "settles": [[1, 2]]})),
        ("report", msgspec.msgpack.encode({"node": NODE, "epoch": 1, "held": [[b"a" * 16, -1]]})),
    ],
)
async def test_what_is_malformed_is_refused_whole(db: Database, caller: Caller, path: str, body: bytes) -> None:
    response = await caller.raw(path, body)
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    async with db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(NodeRow)) == 0


async def test_one_bad_row_refuses_the_report_and_posts_nothing(db: Database, caller: Caller, made: Made) -> None:
    good = msgspec.to_builtins(settle_row(1, made.account, 5), builtin_types=(bytes,))
    for at, value in ((0, -1), (1, b"x"), (15, -5), (18, 2**60), (21, 3)):
        bad = [*good]
        bad[at] = value
        body = msgspec.msgpack.encode({"node": NODE, "epoch": 1, "settles": [good, bad]})
        assert (await caller.raw("report", body)).status_code == 422, at
    async with db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(RequestRow)) == 0


async def test_text_that_a_database_cannot_hold_is_no_reason_to_lose_money(
    db: Database, caller: Caller, made: Made
) -> None:
    row = settle_row(1, made.account, 5, client_request_id="a\0b", model="m\0", error_code="\0")
    assert (await caller.call("report", settles=[row]))["acked"] == 1
    async with db.read_tx() as tx:
        kept = (await tx.session.scalars(select(RequestRow))).one()
    assert (kept.client_request_id, kept.model) == ("ab", "m")


async def test_a_closed_epoch_stays_closed_when_it_says_hello(db: Database, caller: Caller) -> None:
    async with db.write_tx() as tx:
        await ledger.close_epoch(tx, NODE, 1)
        await tx.session.execute(update(NodeRow).values(version="old"))
    await caller.call("hello", address="127.0.0.1:1", generation=0, version="new")
    async with db.read_tx() as tx:
        row = await tx.session.get_one(NodeRow, (NODE, 1))
    assert (row.state, row.version) == ("closed", "new")


async def test_a_full_report_is_kept_quickly(caller: Caller, made: Made) -> None:
    await caller.call("lease", seq=1, account=to_bytes(made.account), want=1_000)
    took = []
    for batch in range(8):
        rows = [settle_row(batch * 256 + n, made.account, 1) for n in range(1, 257)]
        before = time.perf_counter()
        assert (await caller.call("report", settles=rows))["acked"] == 256
        took.append((time.perf_counter() - before) * 1000)
    print(f"report of 256 rows: median {sorted(took)[4]:.0f} ms, best {min(took):.0f} ms")  # noqa: T201
    assert min(took) < 1_000, "an order of magnitude above what was measured"
