"""What a page gets to call the gateway with."""

from __future__ import annotations

from datetime import datetime

import msgspec


class SessionKey(msgspec.Struct):
    """A relay key of this session. It is for the page's memory: never stored, never shown."""

    secret: str
    expires_at: datetime
    account_id: str
