"""One structured line per event on standard error, the same from every process.

Decides the format (logfmt: `ts level from msg key=value…`) so that a person can read it and a program can split it.
Values that hold spaces, quotes or line breaks are written as JSON strings: one event is one line, whatever text it
carries. Secrets are never passed here; the set-up link and the demo key go to standard output, printed once by `tollway
serve`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from types import TracebackType

_FIELDS = "tollway_fields"
# Of these only warnings are of use to an operator.
_CHATTY = ("robyn", "actix_server", "actix_web", "actix_rt", "asyncio", "httpx", "httpcore", "alembic")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/@%+,[]")


class LineFormatter(logging.Formatter):
    """Turns a record into one logfmt line. `process` names the half that speaks: serve, gateway, control, simulator."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        seconds, millis = int(record.created), int(record.msecs)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        pairs: dict[str, object] = {
            "ts": f"{stamp}.{millis:03d}Z",
            "level": record.levelname.lower(),
            "from": self._process,
            "pid": os.getpid(),
            "msg": record.getMessage(),
        }
        pairs.update(getattr(record, _FIELDS, {}))
        if record.exc_info:
            pairs["trace"] = self.formatException(record.exc_info)
        return " ".join(f"{name}={_value(value)}" for name, value in pairs.items())


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text)


def setup(process: str, level: str = "info") -> None:
    """Installs the one handler. Before any framework is imported: `logging.basicConfig` of theirs then does nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    sys.excepthook = _log_defect
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _log_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody caught ends the process; it is one line like all others."""
    logging.getLogger("tollway").critical("ended by a defect", exc_info=(kind, error, trace))


def event(logger: logging.Logger, level: int, msg: str, **fields: object) -> None:
    """Logs `msg` (a fixed text, good to search for) with its facts as fields."""
    logger.log(level, msg, extra={_FIELDS: fields})
