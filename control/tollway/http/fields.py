"""Field types that several bodies share: names, limits, times, and how a PATCH is merged into a row.

PATCH: UNSET is "not sent, leave it", null clears. Numbers have bounds that BIGINT can hold; texts have lengths.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.errors import Invalid

# Python's `$` also matches before a final line break; a name with one must not pass.
END = r"$(?!\n)"
# Names that appear in paths and configuration. Models take what providers use: `meta-llama/Llama-3.1-8B:free`.
_MODEL_PART = r"[A-Za-z0-9_:@+~-][A-Za-z0-9._:@+~-]*"
SlugName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]*{END}", min_length=1, max_length=64)]
ModelName = Annotated[str, Meta(pattern=rf"^{_MODEL_PART}(?:/{_MODEL_PART})*{END}", min_length=1, max_length=128)]
ModelPattern = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9._:/@+~*-]+{END}", min_length=1, max_length=128)]
ShortText = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", min_length=1, max_length=100)]
LongText = Annotated[str, Meta(max_length=2_000)]
Decimal = Annotated[str, Meta(min_length=1, max_length=48, description="decimal number as a string")]
Limit = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with its offset")]

ModelPatterns = Annotated[list[ModelPattern], Meta(max_length=500)]


class Limits(msgspec.Struct):
    """Limits as shown; null is "no limit here"."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class LimitsWish(msgspec.Struct, forbid_unknown_fields=True):
    """Limits as sent: those that are absent stay as they are."""

    rpm: Limit | UnsetType | None = UNSET
    tpm: Limit | UnsetType | None = UNSET
    concurrency: Limit | UnsetType | None = UNSET


class LimitedRow(Protocol):
    """Any table row with the three limits (db.tables.base.Limited)."""

    rpm: Any
    tpm: Any
    concurrency: Any


def limits_of(row: LimitedRow) -> Limits:
    """A row's limits, for a view."""
    return Limits(row.rpm, row.tpm, row.concurrency)


def merge_limits(row: LimitedRow, wish: LimitsWish | UnsetType | None) -> None:
    """Field by field; `limits: null` clears all three."""
    if isinstance(wish, UnsetType):
        return
    given = wish if wish is not None else LimitsWish(None, None, None)
    merge(row, given, ("rpm", "tpm", "concurrency"))


def merge(row: Any, wish: msgspec.Struct, fields: tuple[str, ...]) -> None:
    """Copy the sent ones of `fields` onto the row, whose attributes have the same names."""
    for field in fields:
        value = getattr(wish, field)
        if value is not UNSET:
            setattr(row, field, value)


def in_utc(at: datetime, field: str) -> datetime:
    """The moment in UTC, as it is stored. Raises Invalid for the hours at either end of the calendar that are none
    there.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError as exc:
        raise Invalid(field, "must lie within the years 1 to 9999 in UTC") from exc


def given(value: Any, otherwise: Any) -> Any:
    """`value`, or `otherwise` when it was not sent or is null."""
    return otherwise if value is UNSET or value is None else value
