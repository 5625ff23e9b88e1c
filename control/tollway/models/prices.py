"""Price versions: never changed, only superseded, because settled requests name the version they were charged with.

A model that is not free must have prices that leave nothing it produces unpriced by accident: "0" is a price, an absent
one is a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, insert, select, tuple_

from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import PRICE_COLUMNS, PriceRow
from tollway.errors import Invalid
from tollway.ids import new_id
from tollway.models.schemas import price_columns

_STEP = timedelta(microseconds=1)


async def current(tx: ReadTx, names: Sequence[str]) -> dict[str, PriceRow]:
    """The newest version of each model's prices; a version that states none is no prices."""
    newest = (
        select(PriceRow.model_name, func.max(PriceRow.valid_from))
        .where(PriceRow.model_name.in_(names), PriceRow.valid_from <= tx.now)
        .group_by(PriceRow.model_name)
    )
    wanted = select(PriceRow).where(tuple_(PriceRow.model_name, PriceRow.valid_from).in_(newest))
    return {row.model_name: row for row in await tx.session.scalars(wanted)}


async def supersede(tx: WriteTx, model: str, columns: Mapping[str, int]) -> bool:
    """A new version, unless it would say the same as the current one. Returns whether there is a new one."""
    stated = {column: columns.get(column) for column in PRICE_COLUMNS}
    last = await tx.session.scalar(
        select(PriceRow).where(PriceRow.model_name == model).order_by(PriceRow.valid_from.desc()).limit(1)
    )
    if (last is None and not columns) or (last is not None and price_columns(last) == stated):
        return False
    # `tx.now` was taken when the transaction began; after a wait it may lie before the last version.
    valid_from = tx.now if last is None or last.valid_from < tx.now else last.valid_from + _STEP
    values = {"id": new_id("price"), "model_name": model, "valid_from": valid_from} | stated
    await tx.session.execute(insert(PriceRow), [values])
    tx.now = max(tx.now, valid_from)
    return True


def require_complete(kind: str, price: PriceRow | None) -> None:
    """Raises Invalid when the model would be called without being paid for."""
    columns = {name: value for name, value in price_columns(price).items() if value is not None} if price else {}
    if not columns:
        raise Invalid("prices", 'state them, or set "free": true')
    if kind in ("chat", "completion") and "request_nano" not in columns:
        for name in ("input", "output"):
            if f"{name}_pico" not in columns:
                raise Invalid(f"prices.{name}", f'is required for a model of kind {kind} ("0" is a price)')
