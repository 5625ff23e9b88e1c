"""Bodies of the run-time settings. A field's default is what holds until an operator says otherwise."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

SignUpMode = Literal["closed", "invite", "open"]


class Preferences(msgspec.Struct, frozen=True):
    """The run-time settings. `sign_up`: nobody, who holds an unused invite, or anybody may make a user of his own."""

    sign_up: SignUpMode = "closed"


class PreferencesPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed; null goes back to the default."""

    sign_up: SignUpMode | UnsetType | None = UNSET
