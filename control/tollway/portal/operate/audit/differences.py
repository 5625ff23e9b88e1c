"""What a change changed, as lines that a person reads: field, before, after.

Objects are taken apart to their leaves (`limits.rpm`); lists stay whole, because their order may be what changed. What
every change changes (version, time of change) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

# A text that is longer is cut: the API has it whole.
TEXT_CHARS_MAX: Final = 300
_BOOKKEEPING: Final = frozenset({"version", "updated_at", "created_at"})
_NAMES: Final = frozenset({"id", "name"})
_ABSENT: Final = object()
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


class Line(msgspec.Struct):
    """One field. None: it was not there, or empty."""

    name: str
    before: str | None
    after: str | None


def lines(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, known: str = "") -> list[Line]:
    """What differs, in the order of the fields; for a new thing all that it has, for a deleted one all that it had.

    The thing's own id or name (`known`) stands above the lines already.
    """
    old, new = _leaves(before or {}), _leaves(after or {})
    found = []
    for name in dict.fromkeys([*new, *old]):
        was, now = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if was != now:
            line = Line(name, _text(was), _text(now))
            if line.before != line.after and not (name in _NAMES and known in (was, now)):
                found.append(line)
    return found


def _leaves(body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in body.items():
        if not prefix and name in _BOOKKEEPING:
            continue
        if isinstance(value, Mapping):
            found |= _leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _text(value: Any) -> str | None:
    if value is _ABSENT or value in _EMPTY:
        return None
    if isinstance(value, list):
        return _cut(", ".join(_text(item) or "—" for item in value))
    if isinstance(value, Mapping):
        return _cut(" ".join(f"{name}={_text(item) or '—'}" for name, item in value.items()))
    if isinstance(value, str):
        return _cut(value)
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}…"
