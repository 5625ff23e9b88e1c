"""The audit log: every change is in it, in its own transaction, and nobody can rewrite it unseen."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from tests.integration.api.conftest import Api
from tollway.audit import trail
from tollway.db.tables import AuditRow

pytestmark = pytest.mark.integration


async def broken_at(api: Api) -> trail.Break | None:
    async with api.db.read_tx() as tx:
        return await trail.verify(tx)


async def test_every_change_is_recorded_with_before_and_after(api: Api) -> None:
    headers = {"x-request-id": "req-from-the-gateway", "x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    await api.make("/api/admin/groups", {"name": "vip"})
    await api.call("PATCH", "/api/admin/groups/vip", {"price_multiplier": "2"}, headers=headers, status=200)
    await api.call("DELETE", "/api/admin/groups/vip", status=204)
    rows = (await api.get("/api/admin/audit?object=vip"))["data"]
    assert [row["action"] for row in rows] == ["group.delete", "group.change", "group.create"]
    changed = rows[1]
    assert changed["before"]["price_multiplier"] == "1.0"
    assert changed["after"]["price_multiplier"] == "2.0"
    assert (changed["actor"], changed["request_id"]) == ("operator-token", "req-from-the-gateway")
    assert changed["address"] == "203.0.113.9"
    assert rows[0]["prev_hash"] == changed["hash"]
    assert (await api.get("/api/admin/audit?actor=nobody"))["data"] == []
    assert await broken_at(api) is None


async def test_writers_at_once_make_one_chain(api: Api) -> None:
    await asyncio.gather(*(api.make("/api/admin/groups", {"name": f"g{n}"}) for n in range(12)))
    assert len((await api.get("/api/admin/audit"))["data"]) == 12
    assert await broken_at(api) is None


@pytest.mark.parametrize("forgery", ["change", "remove", "insert"])
async def test_a_forgery_is_found(api: Api, forgery: str) -> None:
    for name in ("a", "b", "c"):
        await api.make("/api/admin/groups", {"name": name})
    async with api.db.write_tx() as tx:
        # Somebody with the database in his hands first takes away what forbids it.
        if api.db.is_sqlite:
            await tx.session.execute(text("DROP TRIGGER audit_no_update"))
            await tx.session.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            await tx.session.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        rows = (await api.get("/api/admin/audit"))["data"]
        middle = int(rows[1]["id"])
        if forgery == "change":
            await tx.session.execute(text("UPDATE audit SET actor = 'somebody' WHERE id = :id"), {"id": middle})
        elif forgery == "remove":
            await tx.session.execute(text("DELETE FROM audit WHERE id = :id"), {"id": middle})
        else:
            last = await tx.session.get_one(AuditRow, int(rows[0]["id"]))
            fields = {c.key: getattr(last, c.key) for c in AuditRow.__table__.columns if c.key not in ("id", "hash")}
            tx.add(AuditRow(**fields, hash=b"x" * 32))
    assert await broken_at(api) is not None


async def test_what_is_refused_leaves_no_record(api: Api) -> None:
    async with api.db.read_tx() as tx:
        assert await trail.verify(tx) is None
    before = await api.state()
    await api.call("POST", "/api/admin/groups", {"name": "default"}, status=409)
    assert await api.state() == before


def test_secrets_are_struck_out_wherever_they_lie() -> None:
    body = {
        "name": "n",
        "secret": "s",
        "password": None,
        "headers": {"x-a": "v"},
        "list": [{"token": "t", "keep": 1}],
        "deep": {"digest": b"d", "ok": "o"},
    }
    assert trail.redact(body) == {
        "name": "n",
        "secret": "***",
        "password": None,
        "headers": {"x-a": "***"},
        "list": [{"token": "***", "keep": 1}],
        "deep": {"digest": "***", "ok": "o"},
    }
