"""What one control process works with: settings, database, vault, and whether the database is there yet."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from tollway.crypto import Vault
from tollway.db.engine import Database
from tollway.errors import Unavailable
from tollway.settings import Settings

NOT_READY_RETRY_S = 2


class Context:
    """One per app, in `app.state.context`. `ready` turns true once the schema is current."""

    def __init__(self, settings: Settings, db: Database, vault: Vault) -> None:
        self.settings = settings
        self.db = db
        self.vault = vault
        self.ready = False

    def require_ready(self) -> None:
        """Raises Unavailable until the database has been reached and migrated."""
        if not self.ready:
            raise Unavailable("the database cannot be reached yet; try again", retry_after_s=NOT_READY_RETRY_S)


def context_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Context:
    """The app's context."""
    context: Context = connection.app.state.context
    return context


async def provide_context(request: Request[Any, Any, Any]) -> Context:
    """Dependency `ctx`."""
    return context_of(request)
