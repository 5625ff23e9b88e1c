"""Makes settle rows as a node would report them."""

from __future__ import annotations

from typing import Any

import msgspec

from tollway.ids import new_id, to_bytes
from tollway.ledger import SettleRow

STARTED_MS = 1_790_000_000_000


def settle_row(seq: int, account_id: str, charge_nano: int, **fields: Any) -> SettleRow:
    """A finished chat request with plausible counts; `fields` replace any of them."""
    row = SettleRow(
        seq=seq,
        request_id=to_bytes(new_id("req")),
        account=to_bytes(account_id),
        key=b"\x01" * 16,
        model="gpt-small",
        upstream="sim",
        endpoint=0,
        status=200,
        stream=False,
        estimated=False,
        tokens=(10, 0, 0, 0, 5, 0, 0, 0, 0, 0),
        units=(1, 0, 0, 0),
        price=to_bytes(new_id("price")),
        multiplier_micro=1_000_000,
        hold_nano=max(charge_nano, fields.get("hold_nano", charge_nano)),
        charge_nano=charge_nano,
        excess_nano=0,
        attempts=1,
        started_ms=STARTED_MS + seq,
        first_byte_us=900,
        total_us=1_200,
        outcome=0,
        error_code="",
        client_request_id="",
    )
    return msgspec.structs.replace(row, **fields)
