"""Settlement: finished requests become rows, entries and hourly sums, in one transaction and exactly once.

hold_id = (node, epoch, seq) is looked up under the epoch's lock; what was posted before is left out, and the primary
key stands guard behind that. For each new row:

- the wallet pays what the lease still has, at most charge and hold: escrow → revenue;
- the rest of the charge, and the excess beyond the hold, is ours: operator_loss → revenue. So a report that comes after
  the epoch was closed, or for a wallet that lent nothing, never touches a wallet;
- one transfer `hold/<node>/<epoch>/<seq>` per settled or recovered row, without entries when it cost nothing. A voided
  row delivered nothing: it is kept as usage and makes no transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, insert, select, update

from tollway.db.engine import WriteTx
from tollway.db.tables import LeaseRow, RequestRow, WalletRow, table
from tollway.ids import from_bytes
from tollway.ledger.epochs import lock_epoch
from tollway.ledger.hours import add_hours
from tollway.ledger.leases import leases_left
from tollway.ledger.posting import OPERATOR_LOSS, REVENUE, Transfer, escrow, post
from tollway.ledger.rows import VOIDED, SettleRow


@dataclass(slots=True, frozen=True)
class Share:
    """Who bears one row's cost. posted + loss = charge + excess."""

    posted: int
    loss: int


def share(row: SettleRow, left_nano: int) -> Share:
    """Split a row's cost between the wallet (at most what its lease has left) and us."""
    owed = 0 if row.outcome == VOIDED else min(row.charge_nano, row.hold_nano)
    posted = min(owed, left_nano)
    return Share(posted, row.charge_nano + row.excess_nano - posted)


async def settle_batch(tx: WriteTx, node_id: str, epoch: int, rows: Sequence[SettleRow]) -> int:
    """Post the rows that are new; how many those were. All rows may be acknowledged once the transaction is kept."""
    if not rows:
        return 0
    await lock_epoch(tx, node_id, epoch)
    fresh = await _not_yet_posted(tx, node_id, epoch, rows)
    if not fresh:
        return 0
    accounts = {row.account: from_bytes(row.account, "acc") for row in fresh}
    left = await leases_left(tx, node_id, epoch, set(accounts.values()))
    paid: dict[str, int] = {}
    records: list[dict[str, Any]] = []
    transfers: list[Transfer] = []
    for row in fresh:
        account_id = accounts[row.account]
        bears = share(row, left.get(account_id, 0))
        if bears.posted:
            left[account_id] -= bears.posted
            paid[account_id] = paid.get(account_id, 0) + bears.posted
        record = _record(tx, node_id, epoch, row, account_id, bears)
        records.append(record)
        if row.outcome != VOIDED or bears.loss:
            transfers.append(_transfer(node_id, epoch, record))
    await tx.session.execute(insert(table(RequestRow)), records)
    await _pay(tx, node_id, epoch, paid)
    await post(tx, transfers)
    await add_hours(tx, records)
    return len(fresh)


async def _not_yet_posted(tx: WriteTx, node_id: str, epoch: int, rows: Sequence[SettleRow]) -> list[SettleRow]:
    by_seq = {row.seq: row for row in rows}  # the same hold twice in one report is one hold
    known = select(RequestRow.seq).where(
        RequestRow.node_id == node_id, RequestRow.epoch == epoch, RequestRow.seq.in_(by_seq)
    )
    for seq in await tx.session.scalars(known):
        del by_seq[seq]
    return list(by_seq.values())


async def _pay(tx: WriteTx, node_id: str, epoch: int, paid: dict[str, int]) -> None:
    """Count what wallets paid: leases first (locked already), then wallets in order of id, so that no two can
    deadlock.
    """
    if not paid:
        return
    leases, wallets = table(LeaseRow).c, table(WalletRow).c
    nano: BindParameter[int] = bindparam("nano")
    mine = (leases.node_id == bindparam("n"), leases.epoch == bindparam("e"), leases.account_id == bindparam("a"))
    lease = update(table(LeaseRow)).where(*mine).values(posted_nano=leases.posted_nano + nano)
    wallet = update(table(WalletRow)).where(wallets.account_id == bindparam("a"))
    spend = wallet.values(escrow_nano=wallets.escrow_nano - nano, spent_nano=wallets.spent_nano + nano)
    amounts = [{"a": account_id, "nano": paid[account_id]} for account_id in sorted(paid)]
    await tx.session.execute(lease, [{"n": node_id, "e": epoch, **amount} for amount in amounts])
    await tx.session.execute(spend, amounts)


def _transfer(node_id: str, epoch: int, record: dict[str, Any]) -> Transfer:
    account_id, posted, loss = record["account_id"], record["posted_nano"], record["loss_nano"]
    legs = [(escrow(account_id), -posted), (OPERATOR_LOSS, -loss), (REVENUE, posted + loss)]
    hold = f"{node_id}/{epoch}/{record['seq']}"
    return Transfer(f"hold/{hold}", "settle", account_id, legs, request_id=record["request_id"], ref=hold)


def _record(tx: WriteTx, node_id: str, epoch: int, row: SettleRow, account_id: str, bears: Share) -> dict[str, Any]:
    started = datetime.fromtimestamp(row.started_ms / 1000, UTC)
    tokens, units = row.tokens, row.units
    return {
        "node_id": node_id,
        "epoch": epoch,
        "seq": row.seq,
        "request_id": from_bytes(row.request_id, "req"),
        "account_id": account_id,
        "key_id": from_bytes(row.key, "key"),
        "model": row.model.replace("\0", ""),  # PostgreSQL's text has no NUL, and no name of ours has one
        "upstream": row.upstream.replace("\0", ""),
        "endpoint": row.endpoint,
        "status": row.status,
        "stream": row.stream,
        "estimated": row.estimated,
        "input_tokens": tokens[0],
        "cache_read_tokens": tokens[1],
        "cache_write_5m_tokens": tokens[2],
        "cache_write_1h_tokens": tokens[3],
        "output_tokens": tokens[4],
        "reasoning_tokens": tokens[5],
        "audio_input_tokens": tokens[6],
        "audio_output_tokens": tokens[7],
        "image_input_tokens": tokens[8],
        "image_output_tokens": tokens[9],
        "requests": units[0],
        "images": units[1],
        "milliseconds": units[2],
        "characters": units[3],
        "price_id": None if row.price is None else from_bytes(row.price, "price"),
        "multiplier_micro": row.multiplier_micro,
        "hold_nano": row.hold_nano,
        "charge_nano": row.charge_nano,
        "excess_nano": row.excess_nano,
        "posted_nano": bears.posted,
        "loss_nano": bears.loss,
        "attempts": row.attempts,
        "started_at": started,
        "day": started.date(),
        "first_byte_us": row.first_byte_us,
        "total_us": row.total_us,
        "outcome": row.outcome,
        "error_code": row.error_code.replace("\0", ""),
        "client_request_id": row.client_request_id.replace("\0", ""),
        "created_at": tx.now,
    }
