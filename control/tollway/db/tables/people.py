"""People and accounts: who signs in, who pays, who belongs to what, and who is invited."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tollway.db.tables.base import Base, Deletable, Limited, Versioned, limit_checks, one_of, utc_now


class UserRow(Versioned, Deletable, Base):
    """A person. `email` is stored case-folded; `password_hash` is argon2id, NULL with single sign-on only."""

    __tablename__ = "users"
    __table_args__ = (one_of("role", "user", "operator", "auditor"), one_of("theme", "system", "light", "dark"))

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str] = mapped_column(default="user")
    language: Mapped[str] = mapped_column(default="en")
    theme: Mapped[str] = mapped_column(default="system", server_default=text("'system'"))
    enabled: Mapped[bool] = mapped_column(default=True)


class SessionRow(Base):
    """A signed-in browser. `id` is the SHA-256 of the cookie's value: a copy of the table signs nobody in."""

    __tablename__ = "sessions"

    id: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(default="")
    agent: Mapped[str] = mapped_column(default="")


class AccountRow(Versioned, Deletable, Limited, Base):
    """Who pays. `group_name` is its group; `extra_groups` are others its keys may name."""

    __tablename__ = "accounts"
    __table_args__ = (one_of("kind", "personal", "team"), *limit_checks())

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="team")
    name: Mapped[str]
    group_name: Mapped[str] = mapped_column(ForeignKey("groups.name"), default="default", index=True)
    extra_groups: Mapped[list[str]] = mapped_column(default=list)
    enabled: Mapped[bool] = mapped_column(default=True)


class MembershipRow(Base):
    """A user's place in an account. `personal` marks the one account that came with the user."""

    __tablename__ = "memberships"
    __table_args__ = (
        one_of("role", "owner", "admin", "member", "viewer"),
        Index(
            "ix_memberships_personal",
            "user_id",
            unique=True,
            sqlite_where=text("personal"),
            postgresql_where=text("personal"),
        ),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str]
    personal: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class TokenRow(Versioned, Base):
    """A management token (`twm_…`) of a user. Only its HMAC digest is kept."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(default="")
    scopes: Mapped[list[str]] = mapped_column(default=list)
    enabled: Mapped[bool] = mapped_column(default=True)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class InviteRow(Base):
    """An invite to sign up, good once. Only its HMAC digest is kept. `created_by` may be a token: no foreign key."""

    __tablename__ = "invites"

    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    deleted_at: Mapped[datetime | None]


class SetupRow(Base):
    """The one-time set-up link of the first start; at most one row, by its digest only."""

    __tablename__ = "setup"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    digest: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
