"""The money audit over the database: invariants that must hold after every transaction.

Run on a read transaction, so it may run while serving. Each finding names the check, whether it holds, and what was
counted.
"""

from __future__ import annotations

import msgspec

from tollway.db.engine import ReadTx


class Finding(msgspec.Struct, frozen=True):
    """One check. `detail` counts what was looked at, or names up to three that differ."""

    name: str
    ok: bool
    detail: str


# name → (what must be true, a statement that lists exceptions). Each statement is bounded by LIMIT 4.
_CHECKS: dict[str, tuple[str, str]] = {
    "transfers_sum_to_zero": (
        "I1: the entries of each transfer sum to zero",
        "SELECT transfer_id FROM entries GROUP BY transfer_id HAVING SUM(amount_nano * side) <> 0 LIMIT 4",
    ),
    "wallets_equal_entries": (
        "I1: each wallet is the sum of its entries",
        "SELECT w.account_id FROM wallets w LEFT JOIN (SELECT account, SUM(amount_nano * side) AS total FROM entries "
        "GROUP BY account) a ON a.account = 'wallet:' || w.account_id || ':available' LEFT JOIN (SELECT account, "
        "SUM(amount_nano * side) AS total FROM entries GROUP BY account) e "
        "ON e.account = 'wallet:' || w.account_id || ':escrow' "
        "WHERE w.available_nano <> COALESCE(a.total, 0) OR w.escrow_nano <> COALESCE(e.total, 0) LIMIT 4",
    ),
    "wallets_balance": (
        "I1, I3: available + escrow + spent = deposited, none below zero",
        "SELECT account_id FROM wallets WHERE available_nano < 0 OR escrow_nano < 0 OR spent_nano < 0 "
        "OR available_nano + escrow_nano + spent_nano <> deposited_nano LIMIT 4",
    ),
    "escrow_equals_leases": (
        "I1: each wallet's escrow is what its leases have left",
        "SELECT w.account_id FROM wallets w LEFT JOIN (SELECT account_id, "
        "SUM(granted_nano - posted_nano - returned_nano) AS total FROM leases GROUP BY account_id) l "
        "ON l.account_id = w.account_id WHERE w.escrow_nano <> COALESCE(l.total, 0) LIMIT 4",
    ),
    "spent_equals_requests": (
        "I1: what each wallet spent is what its requests posted",
        "SELECT w.account_id FROM wallets w LEFT JOIN (SELECT account_id, SUM(posted_nano) AS total FROM requests "
        "GROUP BY account_id) r ON r.account_id = w.account_id WHERE w.spent_nano <> COALESCE(r.total, 0) LIMIT 4",
    ),
    "one_transfer_per_request": (
        "I4: each request that was not voided has its transfer, with its amount",
        "SELECT r.node_id || '/' || r.epoch || '/' || r.seq FROM requests r LEFT JOIN transfers t "
        "ON t.id = 'hold/' || r.node_id || '/' || r.epoch || '/' || r.seq LEFT JOIN (SELECT transfer_id, "
        "SUM(amount_nano * side) AS total FROM entries WHERE account = 'revenue' GROUP BY transfer_id) e "
        "ON e.transfer_id = t.id WHERE (t.id IS NULL AND (r.outcome <> 1 OR r.charge_nano + r.excess_nano > 0)) "
        "OR COALESCE(e.total, 0) <> r.charge_nano + r.excess_nano LIMIT 4",
    ),
    "one_request_per_settlement": (
        "I4: each settlement belongs to exactly one request",
        "SELECT t.id FROM transfers t LEFT JOIN requests r "
        "ON t.id = 'hold/' || r.node_id || '/' || r.epoch || '/' || r.seq "
        "WHERE t.kind = 'settle' AND r.seq IS NULL LIMIT 4",
    ),
    "closed_leases_are_empty": (
        "I6: a closed lease has nothing left and holds nothing",
        "SELECT node_id || '/' || epoch || '/' || account_id FROM leases WHERE state = 'closed' "
        "AND (granted_nano <> posted_nano + returned_nano OR held_nano <> 0) LIMIT 4",
    ),
    "hours_equal_requests": (
        "usage: the hourly sums are the sums of the requests",
        "SELECT h.account_id FROM (SELECT account_id, SUM(charge_nano) AS charge, SUM(calls) AS calls FROM usage_hours "
        "GROUP BY account_id) h LEFT JOIN (SELECT account_id, SUM(posted_nano) AS charge, COUNT(*) AS calls "
        "FROM requests GROUP BY account_id) r ON r.account_id = h.account_id "
        "WHERE h.charge <> COALESCE(r.charge, -1) OR h.calls <> COALESCE(r.calls, -1) LIMIT 4",
    ),
}


async def check_invariants(tx: ReadTx) -> list[Finding]:
    """All checks, in one read transaction."""
    findings = []
    connection = await tx.session.connection()  # plain SQL: in `text()` the colons of account names would be parameters
    for name, (law, statement) in _CHECKS.items():
        odd = [str(value) for value in (await connection.exec_driver_sql(statement)).scalars()]
        shown = ", ".join(odd[:3]) + (" and more" if len(odd) > 3 else "")
        findings.append(Finding(name, not odd, f"{law}: not so for {shown}" if odd else law))
    return findings
