"""A settle row as nodes report it: an array in the order of the contract (ARCHITECTURE.md), checked on decoding.

Only what could never be stored is refused (a negative number, an id of the wrong length): a refused report is sent
again for ever, and a request that is not posted is money lost.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=2**62)]
Nano = Annotated[int, Meta(ge=0, le=2**62)]
Ulid = Annotated[bytes, Meta(min_length=16, max_length=16)]

SETTLED, VOIDED, RECOVERED = 0, 1, 2


class SettleRow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One finished hold. `seq` with the report's node and epoch is the hold id."""

    seq: Count
    request_id: Ulid
    account: Ulid
    key: Ulid
    model: str
    upstream: str
    endpoint: Annotated[int, Meta(ge=0, le=255)]
    status: Annotated[int, Meta(ge=0, le=999)]
    stream: bool
    estimated: bool
    tokens: tuple[Count, Count, Count, Count, Count, Count, Count, Count, Count, Count]
    units: tuple[Count, Count, Count, Count]
    price: Ulid | None
    multiplier_micro: Count
    hold_nano: Nano
    charge_nano: Nano
    excess_nano: Nano
    attempts: Count
    started_ms: Annotated[int, Meta(ge=0, le=253_402_300_799_999)]  # the year 9999, where datetimes end
    first_byte_us: Count
    total_us: Count
    outcome: Annotated[int, Meta(ge=SETTLED, le=RECOVERED)]
    error_code: str
    client_request_id: str
