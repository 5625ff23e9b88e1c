"""Money: wallets (the only mutable money), the append-only double entry behind them, and the nodes' leases.

A wallet's row proves itself: available + escrow + spent = deposited is a CHECK, so no statement, right or wrong, can
make or lose money there. `transfers` and `entries` refuse UPDATE and DELETE by trigger on both engines.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tollway.db.tables.base import Base, BigSerial, one_of, utc_now


class WalletRow(Base):
    """One per account. All in nano-USD; `deposited` is deposits minus withdrawals, `spent` what settlements took."""

    __tablename__ = "wallets"
    __table_args__ = (
        CheckConstraint("available_nano >= 0", name="available"),
        CheckConstraint("escrow_nano >= 0", name="escrow"),
        CheckConstraint("spent_nano >= 0", name="spent"),
        CheckConstraint("available_nano + escrow_nano + spent_nano = deposited_nano", name="balanced"),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    available_nano: Mapped[int] = mapped_column(default=0)
    escrow_nano: Mapped[int] = mapped_column(default=0)
    spent_nano: Mapped[int] = mapped_column(default=0)
    deposited_nano: Mapped[int] = mapped_column(default=0)


class TransferRow(Base):
    """One movement; `id` is made by its caller and is what makes a replay harmless. Append-only."""

    __tablename__ = "transfers"
    __table_args__ = (
        one_of("kind", "deposit", "withdrawal", "lease", "settle", "return", "final"),
        Index("ix_transfers_account_id", "account_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    account_id: Mapped[str | None]
    request_id: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    ref: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class EntryRow(Base):
    """One leg of a transfer. Signed amount = amount × side: +1 credit, -1 debit; a transfer's legs sum to zero.
    Append-only.

    `account` is a ledger account: `wallet:<acc>:available`, `wallet:<acc>:escrow`, `revenue`, `operator_loss`,
    `cash_in`.
    """

    __tablename__ = "entries"
    __table_args__ = (
        CheckConstraint("amount_nano > 0", name="amount"),
        CheckConstraint("side IN (-1, 1)", name="side"),
        Index("ix_entries_account", "account", "id"),
    )

    id: Mapped[int] = mapped_column(BigSerial, primary_key=True)
    transfer_id: Mapped[str] = mapped_column(ForeignKey("transfers.id"), index=True)
    account: Mapped[str]
    amount_nano: Mapped[int]
    side: Mapped[int]


class LeaseRow(Base):
    """What one gateway process (node, epoch) has of one wallet. What it still has: granted - posted - returned.

    `held` is the live holds as the node last reported; it moves no money and only splits what people are shown.
    `recall`: somebody else waits for the free part; said to the node once, with the answer to its next report.
    """

    __tablename__ = "leases"
    __table_args__ = (
        one_of("state", "open", "suspect", "closed", "forfeited"),
        CheckConstraint("posted_nano >= 0", name="posted"),
        CheckConstraint("returned_nano >= 0", name="returned"),
        CheckConstraint("held_nano >= 0", name="held"),
        CheckConstraint("granted_nano >= posted_nano + returned_nano", name="covered"),
        Index("ix_leases_account_id", "account_id", "state"),
    )

    node_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[str] = mapped_column(ForeignKey("wallets.account_id"), primary_key=True)
    granted_nano: Mapped[int] = mapped_column(default=0)
    posted_nano: Mapped[int] = mapped_column(default=0)
    returned_nano: Mapped[int] = mapped_column(default=0)
    held_nano: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="open")
    recall: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class LeaseGrantRow(Base):
    """The answer to one lease request (node, epoch, seq), zero included: asked again, the same answer is given."""

    __tablename__ = "lease_grants"
    __table_args__ = (CheckConstraint("granted_nano >= 0", name="granted"),)

    node_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[str]
    granted_nano: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class RedemptionCodeRow(Base):
    """A code worth money, by digest only; redeemed once, or revoked before that. `hint` is how its text begins."""

    __tablename__ = "redemption_codes"
    __table_args__ = (
        CheckConstraint("amount_nano > 0", name="amount"),
        CheckConstraint("redeemed_at IS NULL OR revoked_at IS NULL", name="one_end"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str] = mapped_column(default="")
    amount_nano: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    redeemed_by: Mapped[str | None]
    redeemed_account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    redeemed_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="", server_default=text("''"))
    revoked_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
