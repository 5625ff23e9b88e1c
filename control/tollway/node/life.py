"""The life cycle of the gateway process: ready, drain, exit.

Decides what signals mean. Robyn runs on the main thread and its server (actix) takes SIGTERM and SIGINT when it starts;
on them it would close the node API at once, or hang. So, once the node port answers (actix has then installed its
handlers), ours are installed over them: the first signal drains in an executor while `/api/status` still answers,
flushes and exits 0, the second exits 1. Before the core runs, a signal ends the process at once: there is nothing to
lose yet.

No handler raises KeyboardInterrupt: it can land in an import or a finaliser and be lost there, and then nothing ends
the process (seen). Python's own exit is not used: Robyn's threads do not end, so the process leaves by `os._exit`,
after it has flushed what matters itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import NoReturn

from tollway.logs import event
from tollway.node.core import Core
from tollway.node.process import lower_python_threads
from tollway.node.status import StatusBoard

# Names the process in every node API answer: on a shared port another one may have replied.
EPOCH_HEADER = "x-tollway-epoch"
NODE_PORT_WAIT_MS = 15_000
NODE_PORT_POLL_MS = 5
# After the drain: journal flush and last report. A control plane that is gone must not hold the exit for ever.
FLUSH_MS_MAX = 15_000
_NUMBERS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


def leave_until_started() -> None:
    """Handlers for the time before the core runs: leave at once, with 0, since nothing was begun."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        _say_in_handler(logging.INFO, "told to leave before the start")
        leave(0)

    for number in _NUMBERS:
        signal.signal(number, on_signal)


class Life:
    """One process's way from start to exit. `announce` runs once, when traffic may come."""

    def __init__(self, core: Core, board: StatusBoard, epoch: int, drain_ms: int, announce: Callable[[], None]) -> None:
        self._core = core
        self._board = board
        self._epoch = epoch
        self._drain_ms = drain_ms
        self._announce = announce
        self._announced = False
        self._armed = False
        self._signals = 0
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.core_threads: frozenset[int] = frozenset()
        """Threads that keep their priority; set once the core has started."""
        self._before_exit: list[Callable[[], Awaitable[None]]] = []
        self._at_exit: list[Callable[[], None]] = []

    def before_exit(self, step: Callable[[], Awaitable[None]]) -> None:
        """`step` runs after the drain, before the core stops."""
        self._before_exit.append(step)

    def at_exit(self, step: Callable[[], None]) -> None:
        """`step` runs last, on the way out of a drain."""
        self._at_exit.append(step)

    def watch(self, node_port: int) -> None:
        """Called on the event loop before the node port listens: takes the signals, and again once it answers.

        In between the server gets them too and closes the node API; the drain goes its way all the same.
        """
        self._loop = asyncio.get_running_loop()
        self._take_signals()
        threading.Thread(
            target=self._wait_for_port, args=(self._loop, node_port), name="node-port", daemon=True
        ).start()

    def check_ready(self) -> None:
        """Announces this process once, when its signals are ours and it has a snapshot to serve from."""
        if self._armed and not self._announced and self._board.ready:
            self._announced = True
            self._announce()

    def begin_drain(self, why: str) -> None:
        """Starts the way out; a second call changes nothing. On the event loop."""
        if self._draining is None:
            event(_log, logging.INFO, "draining", why=why, drain_ms=self._drain_ms)
            self._board.draining = True
            self._board.forget()
            self._draining = asyncio.ensure_future(self._drain())

    def _wait_for_port(self, loop: asyncio.AbstractEventLoop, port: int) -> None:
        deadline = time.monotonic() + NODE_PORT_WAIT_MS / 1000
        while not self._answers(port):
            if time.monotonic() > deadline:
                if self._draining is not None:
                    return  # the server was told to leave before we took the signals: the drain ends the process
                event(_log, logging.ERROR, "node port does not answer, leaving", port=port, waited_ms=NODE_PORT_WAIT_MS)
                leave(1)
            time.sleep(NODE_PORT_POLL_MS / 1000)
        loop.call_soon_threadsafe(self._arm)

    def _answers(self, port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().getheader(EPOCH_HEADER) == str(self._epoch)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _take_signals(self) -> None:
        for number in _NUMBERS:
            signal.signal(number, self._on_signal)

    def _arm(self) -> None:
        self._take_signals()
        lower_python_threads(self.core_threads)  # again: the server's threads are there now
        self._armed = True
        self.check_ready()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            _say_in_handler(logging.WARNING, "second signal, leaving at once")
            leave(1)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.begin_drain, signal.Signals(number).name)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        code = 1
        try:
            all_ended = await loop.run_in_executor(None, self._core.drain, self._drain_ms)
            await asyncio.wait_for(self._flush(loop), FLUSH_MS_MAX / 1000)
            event(_log, logging.INFO, "drained", all_ended=all_ended)
            code = 0
        except TimeoutError:
            event(_log, logging.ERROR, "flush took too long, leaving; the successor settles from the journal")
        except Exception:  # noqa: BLE001  # whatever failed, the process must end, and say so
            _log.exception("drain failed, leaving; the successor settles from the journal")
        for step in self._at_exit:
            step()
        leave(code)

    async def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        for step in self._before_exit:
            await step()
        await loop.run_in_executor(None, self._core.stop)


def leave(code: int) -> NoReturn:
    """Ends the process without waiting for any thread."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(RuntimeError, OSError):
            stream.flush()
    os._exit(code)


def _say_in_handler(level: int, msg: str) -> None:
    """A line from a signal handler, which may have interrupted the write of another: then it is left out."""
    with contextlib.suppress(RuntimeError):
        event(_log, level, msg)
