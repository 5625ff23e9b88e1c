"""The database: engine and transactions, tables, migrations."""

from tollway.db.engine import CHANGES_KEPT, ChangeKind, Database, ReadTx, WriteTx, async_url, is_unique_violation
from tollway.db.migrate import migrate

__all__ = ["CHANGES_KEPT", "ChangeKind", "Database", "ReadTx", "WriteTx", "async_url", "is_unique_violation", "migrate"]
