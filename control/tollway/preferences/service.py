"""Rules of the run-time settings: one row each, absent until changed, read by features above.

A stored value that this version does not know counts as the default, and every default is the careful choice.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import delete, select

from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import SettingRow
from tollway.db.upsert import upsert
from tollway.http.callers import Caller
from tollway.preferences.schemas import Preferences, PreferencesPatch

_KINDS: Final[dict[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(Preferences)}

_log = logging.getLogger("tollway.control")


async def read(tx: ReadTx) -> Preferences:
    """What holds now."""
    rows = await tx.session.execute(select(SettingRow.name, SettingRow.value).where(SettingRow.name.in_(_KINDS)))
    known: dict[str, Any] = {}
    for name, value in rows:
        try:
            known[name] = msgspec.convert(value, _KINDS[name], strict=True)
        except msgspec.ValidationError:
            _log.warning("the stored setting %s is not one this version knows; its default holds", name)
    return Preferences(**known)


async def change(tx: WriteTx, caller: Caller, wish: PreferencesPatch) -> Preferences:
    """PATCH."""
    before = await read(tx)
    for name in _KINDS:
        value = getattr(wish, name)
        if value is None:
            await tx.session.execute(delete(SettingRow).where(SettingRow.name == name))
        elif value is not UNSET:
            row = {"name": name, "value": value, "updated_at": tx.now}
            statement = upsert(tx, SettingRow).values(row)
            await tx.session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
    now = await read(tx)
    if now != before:
        await trail.record(
            tx, caller, "settings.change", "settings", before=trail.body_of(before), after=trail.body_of(now)
        )
    return now
