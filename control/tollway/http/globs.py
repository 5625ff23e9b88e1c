"""Which names a list of patterns reaches: `*` matches any characters, all else is literal."""

from __future__ import annotations

import re
from collections.abc import Sequence


def patterns(globs: Sequence[str]) -> re.Pattern[str]:
    """Matches what one of them matches; none of them matches nothing."""
    return re.compile("|".join(f"(?:{_glob(pattern)})" for pattern in globs) or r"(?!)")


def _glob(pattern: str) -> str:
    return ".*".join(re.escape(part) for part in pattern.split("*"))
