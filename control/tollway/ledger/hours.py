"""Hourly sums and key budgets: what is derived from posted requests, raised in the transaction that posts them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from tollway.db.engine import WriteTx
from tollway.db.tables import COUNT_COLUMNS, UNIT_COLUMNS, KeyBudgetRow, UsageHourRow, table
from tollway.db.upsert import upsert

_SUMS: Final = (*COUNT_COLUMNS, *UNIT_COLUMNS, "charge_nano", "loss_nano", "errors", "calls", "faults")
_KEY: Final = ("account_id", "key_id", "model", "upstream", "hour")
ERROR_STATUS_MIN: Final = 400
# Codes of the gateway for what a model's providers got wrong (`upstream_error`, `upstream_timeout`, …).
_FAULT_PREFIX: Final = "upstream_"
_FAULT_CODES: Final = frozenset({"no_healthy_upstream"})


async def add_hours(tx: WriteTx, records: Sequence[dict[str, Any]]) -> None:
    """Add new rows of `requests` to the hour in which they started. `charge` is what the wallet paid."""
    hours: dict[tuple[Any, ...], dict[str, Any]] = {}
    budgets: dict[str, int] = {}
    for record in records:
        hour = record["started_at"].replace(minute=0, second=0, microsecond=0)
        key = (record["account_id"], record["key_id"], record["model"], record["upstream"], hour)
        sums = hours.get(key)
        if sums is None:
            sums = hours[key] = {**dict(zip(_KEY, key, strict=True)), **dict.fromkeys(_SUMS, 0)}
        for name in (*COUNT_COLUMNS, *UNIT_COLUMNS):
            sums[name] += record[name]
        sums["charge_nano"] += record["posted_nano"]
        sums["loss_nano"] += record["loss_nano"]
        sums["errors"] += bool(record["error_code"]) or record["status"] >= ERROR_STATUS_MIN
        sums["faults"] += is_fault(record["error_code"])
        sums["calls"] += 1
        if record["posted_nano"]:
            budgets[record["key_id"]] = budgets.get(record["key_id"], 0) + record["posted_nano"]
    # In order of key, so that two transactions lock the same rows in the same order.
    rows = [hours[key] for key in sorted(hours)]
    insert = upsert(tx, UsageHourRow)
    raised = {name: getattr(UsageHourRow, name) + getattr(insert.excluded, name) for name in _SUMS}
    await tx.session.execute(insert.on_conflict_do_update(index_elements=list(_KEY), set_=raised), rows)
    await _spend_budgets(tx, budgets)


def is_fault(error_code: str) -> bool:
    """Whether a request failed by its providers, rather than by its caller or by us."""
    return error_code.startswith(_FAULT_PREFIX) or error_code in _FAULT_CODES


async def _spend_budgets(tx: WriteTx, spent: dict[str, int]) -> None:
    if not spent:
        return
    wanted = select(KeyBudgetRow.key_id, KeyBudgetRow.period, KeyBudgetRow.period_start, KeyBudgetRow.spent_nano)
    mine = wanted.where(KeyBudgetRow.key_id.in_(spent)).order_by(KeyBudgetRow.key_id).with_for_update()
    rows = []
    for key_id, period, start, before in await tx.session.execute(mine):
        current = period_start(period, tx.now)
        renewed = current is not None and current > start
        rows.append(
            {
                "key": key_id,
                "start": current if renewed else start,
                "spent": spent[key_id] + (0 if renewed else int(before)),
            }
        )
    if rows:
        budgets = table(KeyBudgetRow).c
        write = update(table(KeyBudgetRow)).where(budgets.key_id == bindparam("key"))
        await tx.session.execute(write.values(period_start=bindparam("start"), spent_nano=bindparam("spent")), rows)


def period_start(period: str, at: datetime) -> datetime | None:
    """When the period that `at` lies in began (UTC; weeks begin on Monday); None for `total`, which has no end."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "month":
        return day.replace(day=1)
    return None
