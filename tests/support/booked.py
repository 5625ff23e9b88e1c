"""Requests as they lie in the database once they are posted: the row, and its hour's sums."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import insert

from tollway.db import Database
from tollway.db.tables import COUNT_COLUMNS, UNIT_COLUMNS, RequestRow, utc_now
from tollway.ids import new_id
from tollway.ledger.hours import add_hours

_seq = count(1)


async def book(db: Database, account: str, *, at: datetime | None = None, charge: int = 0, **more: Any) -> str:
    """One request; returns its id. `charge` (nano-USD) is also what was held and paid, unless `more` says other."""
    started = at or utc_now()
    record: dict[str, Any] = {
        "node_id": "node_1",
        "epoch": 1,
        "seq": next(_seq),
        "request_id": new_id("req"),
        "account_id": account,
        "key_id": "key_1",
        "model": "m",
        "upstream": "up",
        "endpoint": 0,
        "status": 200,
        "stream": False,
        "estimated": False,
        **dict.fromkeys((*COUNT_COLUMNS, *UNIT_COLUMNS), 0),
        "price_id": None,
        "multiplier_micro": 1_000_000,
        "hold_nano": charge,
        "charge_nano": charge,
        "excess_nano": 0,
        "posted_nano": charge,
        "loss_nano": 0,
        "attempts": 1,
        "started_at": started,
        "day": started.date(),
        "first_byte_us": 1_500,
        "total_us": 250_000,
        "outcome": 0,
        "error_code": "",
        "client_request_id": "",
    } | more
    async with db.write_tx() as tx:
        await tx.session.execute(insert(RequestRow), [record])
        await add_hours(tx, [record])
    return str(record["request_id"])
