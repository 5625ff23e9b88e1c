"""Keys: what a caller shows to be let in, by digest only, and what each may spend."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tollway.db.tables.base import Base, Deletable, Limited, Versioned, limit_checks, one_of


class KeyRow(Versioned, Deletable, Limited, Base):
    """A relay key. NULL in `group_name`, `models`, `endpoints`, `allow_ips` is "as the account". Rotation changes
    `digest`. Purpose `portal`: the short-lived one of a person's pages, of which a person has one per account.
    """

    __tablename__ = "keys"
    __table_args__ = (
        Index("ix_keys_account_id", "account_id", "id"),
        Index(
            "ix_keys_portal",
            "created_by",
            "account_id",
            unique=True,
            sqlite_where=text("purpose = 'portal'"),
            postgresql_where=text("purpose = 'portal'"),
        ),
        one_of("purpose", "api", "portal"),
        *limit_checks(),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    created_by: Mapped[str | None]
    name: Mapped[str]
    purpose: Mapped[str] = mapped_column(default="api", server_default=text("'api'"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    group_name: Mapped[str | None] = mapped_column(ForeignKey("groups.name"))
    models: Mapped[list[str] | None]
    endpoints: Mapped[list[str] | None]
    allow_ips: Mapped[list[str] | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class KeyBudgetRow(Base):
    """What one key may spend per period; raised in the same transaction as the wallet's transfer."""

    __tablename__ = "key_budgets"
    __table_args__ = (
        one_of("period", "day", "week", "month", "total"),
        CheckConstraint("amount_nano >= 0", name="amount"),
        CheckConstraint("spent_nano >= 0", name="spent"),
        CheckConstraint("held_nano >= 0", name="held"),
    )

    key_id: Mapped[str] = mapped_column(ForeignKey("keys.id"), primary_key=True)
    amount_nano: Mapped[int]
    period: Mapped[str]
    period_start: Mapped[datetime]
    spent_nano: Mapped[int] = mapped_column(default=0)
    held_nano: Mapped[int] = mapped_column(default=0)
