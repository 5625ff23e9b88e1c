"""INSERT … ON CONFLICT for both engines: the same clause, spelled by two modules of SQLAlchemy."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite

from tollway.db.engine import ReadTx
from tollway.db.tables import Base, table


def upsert(tx: ReadTx, row: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An insert into the table of `row` that has `on_conflict_do_nothing` and `on_conflict_do_update`.

    Rows of a table class are inserted as plain columns (no ORM objects): give every column that has no database
    default.
    """
    if tx.session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table(row))
    return sqlite.insert(table(row))
