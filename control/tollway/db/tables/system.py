"""The system's own rows: the snapshot's generation and change log, nodes, audit, idempotency, run-time settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from tollway.db.tables.base import Base, BigSerial, Json, one_of, utc_now


class RevisionRow(Base):
    """One row. `generation` rises inside every write transaction that the core must learn of."""

    __tablename__ = "revision"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation: Mapped[int]


class ChangeRow(Base):
    """What changed in which generation; deltas are built from it. Append-only, trimmed at the old end to a bound.

    `ref` is the resource's name or id; `digest` is a key's digest before the change, so that a delta can remove it.
    """

    __tablename__ = "changes"
    __table_args__ = (one_of("kind", "group", "model", "upstream", "account", "key"),)

    id: Mapped[int] = mapped_column(BigSerial, primary_key=True)
    generation: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str]
    ref: Mapped[str]
    digest: Mapped[bytes | None]


class NodeRow(Base):
    """One gateway process: a node (data directory) at an epoch. `address` is its node API, empty until its first hello.

    A `closed` epoch has said `final`: it holds nothing and gets nothing any more.
    """

    __tablename__ = "nodes"
    __table_args__ = (one_of("state", "up", "closed"), Index("ix_nodes_last_seen_at", "last_seen_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(default="")
    version: Mapped[str] = mapped_column(default="")
    generation: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="up")
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)


class StatusHourRow(Base):
    """How many samples of an hour found the gateway up, degraded or down. An hour without a row was not looked at."""

    __tablename__ = "status_hours"
    __table_args__ = (CheckConstraint("up >= 0 AND degraded >= 0 AND down >= 0", name="counts"),)

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    up: Mapped[int] = mapped_column(default=0)
    degraded: Mapped[int] = mapped_column(default=0)
    down: Mapped[int] = mapped_column(default=0)


class AuditRow(Base):
    """Who did what to what. Append-only; `hash` chains each row to the one before it. Secrets are redacted before
    they come.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_object", "object", "id"),)

    id: Mapped[int] = mapped_column(BigSerial, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    actor: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes] = mapped_column(unique=True)


class IdempotencyRow(Base):
    """The first answer to a POST with an Idempotency-Key, kept for at least 24 hours."""

    __tablename__ = "idempotency"

    caller: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_digest: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class SettingRow(Base):
    """What may change at run time."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
