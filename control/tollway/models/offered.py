"""Which models somebody may call, by name and kind: what pages offer to choose from.

An account sees its group's models, a stranger those of the group `default`, as `/api/status` does.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import GroupRow, ModelRow
from tollway.http.globs import patterns
from tollway.models.service import reach

STRANGERS_GROUP: Final = "default"
# A page that offers models to choose from looks at so many; the list of all has pages of its own.
OFFERED_MAX: Final = 2_000


class Offered(msgspec.Struct, frozen=True):
    """A model by its name and what it is for."""

    name: str
    kind: str


async def offered(tx: ReadTx, account_id: str | None) -> list[Offered]:
    """The enabled models within reach of the account, or of a stranger, by name."""
    if account_id is not None:
        _, pattern = await reach(tx, account_id)
    else:
        group = await tx.session.scalar(select(GroupRow).where(GroupRow.name == STRANGERS_GROUP))
        pattern = patterns(group.models if group is not None else [])
    wanted = select(ModelRow.name, ModelRow.kind).where(ModelRow.deleted_at.is_(None), ModelRow.enabled)
    rows = await tx.session.execute(wanted.order_by(ModelRow.name).limit(OFFERED_MAX))
    return [Offered(name, kind) for name, kind in rows if pattern.fullmatch(name)]
