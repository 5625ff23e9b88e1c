"""The child's side of the supervisor: say that it is ready, and do not outlive it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any


def say_ready(ready_fd: int | None, facts: Mapping[str, Any]) -> None:
    """Writes the ready line (serve/child.py reads it), closes the pipe. A supervisor that is gone is no error here."""
    if ready_fd is None:
        return
    try:
        with os.fdopen(ready_fd, "wb") as pipe:
            pipe.write(json.dumps(facts).encode() + b"\n")
    except OSError:
        return
