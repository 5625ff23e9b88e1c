"""Runs the app under Granian, in this process: one worker, HTTP/1.1 on loopback, uvloop.

Granian's usual server forks workers and watches them; we have a supervisor for that, and a worker left behind by a
killed parent would go on writing. So its embedded server runs on our loop: the process that the pid file names is the
one that serves, SIGTERM lets running requests end, and SIGKILL leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any, Final

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from tollway.control_app.app import create_app
from tollway.errors import SettingsError
from tollway.logs import event
from tollway.settings import Settings

BACKLOG: Final = 1024
REQUESTS_AT_ONCE_MAX: Final = 512
HEAD_MS_MAX: Final = 10_000
STOP_S_MAX: Final = 15

_LOGGING: Final[dict[str, Any]] = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}
_log = logging.getLogger("tollway.control")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit(1) when the server ends by itself, SettingsError for a port."""
    if not uvloop.run(_serve(settings)):
        raise SystemExit(1)


async def _serve(settings: Settings) -> bool:
    address = f"{settings.control_host}:{settings.control_port}"
    server = _server(create_app(settings), settings)
    asked_to_stop = asyncio.Event()

    def stop() -> None:
        asked_to_stop.set()
        server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    server.on_startup(lambda: event(_log, logging.INFO, "serving", address=address))  # called once it listens
    try:
        await server.serve()
    except TimeoutError:
        event(_log, logging.WARNING, "requests were cut off", after_s=STOP_S_MAX)
    except (OSError, RuntimeError) as exc:
        if "os error" not in str(exc):
            raise
        raise SettingsError(f"control_port: cannot listen on {address}: {exc}") from exc
    event(_log, logging.INFO, "stopped")
    return asked_to_stop.is_set()


def _server(app: Any, settings: Settings) -> Server:
    server = Server(
        app,
        address=settings.control_host,
        port=settings.control_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=REQUESTS_AT_ONCE_MAX,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_MS_MAX),
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    )
    server.workers_kill_timeout = STOP_S_MAX
    return server
