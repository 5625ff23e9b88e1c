"""One child process: started with its descriptors, heard when it is ready, told to leave, killed when it does not.

Decides that a child says by itself that it is ready, with one JSON line on a pipe (`--ready-fd`): nothing is polled,
and a child that dies first is known at once by the pipe's end. Children run in sessions of their own, so that Ctrl-C
reaches the supervisor alone and it can end them in order. Only processes started here are ever signalled, and only
while they live.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from tollway.logs import event

READY_LINE_BYTES_MAX = 64 * 1024
_log = logging.getLogger(__name__)

# What to run, given the descriptor of the ready pipe.
Command = Callable[[int], Sequence[str]]


class Child:
    """A running child. Make one with `start`."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, ready: asyncio.Task[dict[str, Any] | None]
    ) -> None:
        self.name = name
        self._process = process
        self._started = time.monotonic()
        self._told = False
        self.ready = ready
        """Its ready line; None when it ended, or closed the pipe, without one."""

    @classmethod
    async def start(cls, name: str, command: Command, pass_fds: Sequence[int] = ()) -> Child:
        """Starts it. OSError when the system does not allow that."""
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command(write_end),
                pass_fds=(*pass_fds, write_end),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        child = cls(name, process, asyncio.create_task(_ready_line(read_end)))
        event(_log, logging.INFO, "child started", child=name, child_pid=process.pid)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def ran_ms(self) -> float:
        return (time.monotonic() - self._started) * 1000

    async def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        return await self._process.wait()

    def tell(self) -> None:
        """SIGTERM, once: a second one would make a draining gateway leave at once."""
        if self.alive and not self._told:
            self._told = True
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.alive:
            self._process.kill()

    async def end(self, within_ms: int) -> int:
        """Tells it to leave and waits; kills it after `within_ms`. Its exit code."""
        self.tell()
        try:
            return await asyncio.wait_for(self.wait(), within_ms / 1000)
        except TimeoutError:
            event(
                _log,
                logging.ERROR,
                "child does not leave, killed",
                child=self.name,
                child_pid=self.pid,
                waited_ms=within_ms,
            )
            self.kill()
            return await self.wait()


async def _ready_line(read_end: int) -> dict[str, Any] | None:
    reader = asyncio.StreamReader(limit=READY_LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        line = await reader.readline()
        said = json.loads(line) if line else None
    except ValueError:  # longer than allowed, or not JSON: not a line of ours
        return None
    finally:
        transport.close()
    return said if isinstance(said, dict) else None
