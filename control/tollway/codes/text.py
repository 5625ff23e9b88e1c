"""The text of a code: five groups of five digits of Crockford's base 32, 125 random bits, made to be read and typed.

Crockford's alphabet has no I, L, O and U; who types I or L means 1, who types O means 0. Case, spaces and dashes do
not count. The hint is the first group, so 100 bits stay unknown to whoever sees it.
"""

from __future__ import annotations

import secrets
import unicodedata
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS: Final = 5
_GROUP_CHARS: Final = 5
_MEANT: Final = str.maketrans("ILO", "110")
CHARS_MAX: Final = 100
DIGEST_LABEL: Final = "redemption-code"


def generate() -> str:
    """A fresh code, as shown: `7K2QF-0M4XD-…`."""
    chars = [secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP_CHARS)]
    return "-".join("".join(chars[n : n + _GROUP_CHARS]) for n in range(0, len(chars), _GROUP_CHARS))


def normalised(typed: str) -> str:
    """What a person typed, in the one form that is digested. Full-width letters and foreign dashes are taken too."""
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_MEANT)
    return "".join(char for char in plain if char.isascii() and char.isalnum())


def hint(code: str) -> str:
    """What people recognise a code by."""
    return f"{code[:_GROUP_CHARS]}…"
