"""What all tables share: naming of constraints, column types that mean the same on SQLite and PostgreSQL, and mixins.

Rules of the schema: ids are text, money is BIGINT nano-USD (`…_nano`), prices BIGINT pico-USD (`…_pico`), times are
aware UTC datetimes, every rule that one row can state is a CHECK. Names of constraints come from the convention, so
that migrations can name them on both engines.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """The wall clock, aware. Tests that care pass times in instead."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out. SQLite has no zone, so it stores the UTC wall time; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database, always in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times are aware (UTC); a naive one was given")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database, marked as the UTC it is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON document; Python None is SQL NULL. JSONB on PostgreSQL. Assign a new object to change it: it is not
    tracked.
    """

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """JSONB where there is one."""
        kind = JSONB(none_as_null=True) if dialect.name == "postgresql" else JSON(none_as_null=True)
        return dialect.type_descriptor(kind)


# SQLite numbers rows by itself only for a column that is exactly INTEGER (64 bits there as well).
BigSerial = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of every table class."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        bytes: LargeBinary(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json(),
        list[str]: Json(),
        dict[str, str]: Json(),
        dict[str, int]: Json(),
    }


def table(row: type[Base]) -> Table:
    """The table behind a row class, for statements over plain columns (many rows at once, no ORM objects)."""
    return cast(Table, row.__table__)


class Versioned:
    """A resource of the API. `version` rises with each UPDATE of the row by the ORM and two writers cannot both win.

    A change that only touches child rows (a model's routes) must set `updated_at` itself, so that `version` rises too.
    """

    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.version} if hasattr(cls, "__table__") else {}


class Deletable:
    """What money or audit refers to is never deleted: it is marked. Lists leave marked rows out; the snapshot too."""

    deleted_at: Mapped[datetime | None]


class Limited:
    """Limits of one row; NULL is "no limit of its own"."""

    rpm: Mapped[int | None]
    tpm: Mapped[int | None]
    concurrency: Mapped[int | None]


def limit_checks() -> tuple[CheckConstraint, ...]:
    """0 would read as "no limit" in the snapshot, so it cannot be stored."""
    return tuple(CheckConstraint(f"{name} > 0", name=name) for name in ("rpm", "tpm", "concurrency"))


def one_of(column: str, *values: str) -> CheckConstraint:
    """CHECK that a text column holds one of the named values."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)
