"""Usage: one row per finished request, enough to recompute its charge bit for bit, and the hourly sums that charts
read.

These rows come from nodes and are kept whatever happened to the rows they name: no foreign keys, because a settlement
must never be refused for a name that is gone.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from tollway.db.tables.base import Base, utc_now

COUNT_COLUMNS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
)
UNIT_COLUMNS = ("requests", "images", "milliseconds", "characters")


class Counted:
    """Disjoint token counts in the order of prices, and the units that are priced one by one."""

    input_tokens: Mapped[int] = mapped_column(default=0)
    cache_read_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_5m_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_1h_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    reasoning_tokens: Mapped[int] = mapped_column(default=0)
    audio_input_tokens: Mapped[int] = mapped_column(default=0)
    audio_output_tokens: Mapped[int] = mapped_column(default=0)
    image_input_tokens: Mapped[int] = mapped_column(default=0)
    image_output_tokens: Mapped[int] = mapped_column(default=0)
    requests: Mapped[int] = mapped_column(default=0)
    images: Mapped[int] = mapped_column(default=0)
    milliseconds: Mapped[int] = mapped_column(default=0)
    characters: Mapped[int] = mapped_column(default=0)


class HoldKey:
    """hold_id = (node, epoch, seq): the one idempotency key from admission to ledger row."""

    @declared_attr
    def node_id(cls) -> Mapped[str]:
        return mapped_column(primary_key=True, sort_order=-3)

    @declared_attr
    def epoch(cls) -> Mapped[int]:
        return mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-2)

    @declared_attr
    def seq(cls) -> Mapped[int]:
        return mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-1)


class RequestRow(HoldKey, Counted, Base):
    """One finished request. `charge` is what the node computed (at most `hold`), `posted` what the wallet paid of it,
    `loss` what the operator bears: charge - posted + excess. `endpoint` and `outcome` are the numbers of the contract
    (outcome: 0 settled, 1 voided, 2 recovered)."""

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint("hold_nano >= 0 AND charge_nano >= 0 AND excess_nano >= 0", name="amounts"),
        CheckConstraint("posted_nano >= 0 AND loss_nano >= 0", name="posts"),
        CheckConstraint("posted_nano + loss_nano = charge_nano + excess_nano", name="balanced"),
        CheckConstraint("outcome IN (0, 1, 2)", name="outcome"),
        Index("ix_requests_account_id", "account_id", "started_at"),
        Index("ix_requests_key_id", "key_id", "started_at"),
        Index("ix_requests_started_at", "started_at"),
    )

    request_id: Mapped[str] = mapped_column(index=True)
    account_id: Mapped[str]
    key_id: Mapped[str]
    model: Mapped[str]
    upstream: Mapped[str]
    endpoint: Mapped[int]
    status: Mapped[int]
    stream: Mapped[bool]
    estimated: Mapped[bool]
    price_id: Mapped[str | None]
    multiplier_micro: Mapped[int]
    hold_nano: Mapped[int]
    charge_nano: Mapped[int]
    excess_nano: Mapped[int]
    posted_nano: Mapped[int]
    loss_nano: Mapped[int]
    attempts: Mapped[int]
    started_at: Mapped[datetime]
    day: Mapped[date] = mapped_column(Date)
    first_byte_us: Mapped[int]
    total_us: Mapped[int]
    outcome: Mapped[int]
    error_code: Mapped[str]
    client_request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AttemptRow(HoldKey, Base):
    """One try at an upstream within a request: what we owe there."""

    __tablename__ = "attempts"

    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    upstream: Mapped[str]
    credential_id: Mapped[str | None]
    status: Mapped[int]
    bytes_received: Mapped[int]
    ended_how: Mapped[str]
    cost_nano: Mapped[int | None]


class UsageHourRow(Counted, Base):
    """Sums per account, key, model, upstream and hour, written in the transaction that posts the requests.

    `faults` are the errors that were the providers'; the others were the caller's or ours.
    """

    __tablename__ = "usage_hours"
    __table_args__ = (
        CheckConstraint("faults >= 0 AND faults <= errors", name="faults"),
        Index("ix_usage_hours_hour", "hour"),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    upstream: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    charge_nano: Mapped[int] = mapped_column(default=0)
    loss_nano: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    calls: Mapped[int] = mapped_column(default=0)
    faults: Mapped[int] = mapped_column(default=0, server_default=text("0"))
