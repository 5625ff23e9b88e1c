"""Snapshot intake: bytes from the control plane → core → disk.

Decides the order: the core takes it (GIL released, off the event loop), the sender gets its answer, then the disk gets
it, in the order taken, by one writer. At most UNWRITTEN_MAX snapshots wait for the disk; past that the sender waits. A
disk that fails costs a log line, not the snapshot: the data path has it, and the next whole one is filed again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tollway.logs import event
from tollway.node.core import Core, refusal
from tollway.node.sealed import SealedStore
from tollway.node.status import StatusBoard, encode

SNAPSHOT_BYTES_MAX = 512 * 1024 * 1024
UNWRITTEN_MAX = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def restore(core: Core, store: SealedStore) -> int:
    """Gives the core the last good snapshot from disk, before it listens: the number of files taken."""
    taken = 0
    try:
        for body in store.load():
            core.apply(body)
            taken += 1
    except (ValueError, OSError) as error:
        event(_log, logging.ERROR, "snapshot from disk not taken, waiting for the control plane", reason=str(error))
    if taken:
        event(_log, logging.INFO, "snapshot restored from disk", files=taken)
    return taken


class Intake:
    """Takes pushed snapshots, one at a time. Lives on the event loop."""

    def __init__(self, core: Core, store: SealedStore, board: StatusBoard, taken: Callable[[], None]) -> None:
        self._core = core
        self._store = store
        self._board = board
        self._taken = taken
        self._turn = asyncio.Lock()
        self._unwritten: asyncio.Queue[bytes] = asyncio.Queue(UNWRITTEN_MAX)
        self._writer = asyncio.create_task(self._write())

    async def take(self, body: bytes) -> Answer:
        """200 with what the core says, 409 or 422 with why it refused, 413 for a body beyond its bound."""
        if len(body) > SNAPSHOT_BYTES_MAX:
            message = f"a snapshot is at most {SNAPSHOT_BYTES_MAX} bytes"
            return Answer(413, encode({"code": "request_too_large", "message": message}))
        loop = asyncio.get_running_loop()
        async with self._turn:
            try:
                accepted = await loop.run_in_executor(None, self._core.apply, body)
            except ValueError as error:
                refused = refusal(error)
                event(_log, logging.WARNING, "snapshot refused", status=refused.status, reason=refused.body.decode())
                return Answer(refused.status, refused.body)
            finally:
                self._board.forget()
            await self._unwritten.put(body)
        self._taken()
        return Answer(200, accepted)

    async def flush(self) -> None:
        """Returns once all taken snapshots are on disk (or their failure is in the log)."""
        await self._unwritten.join()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            body = await self._unwritten.get()
            try:
                await loop.run_in_executor(None, self._store.save, body)
            except (OSError, ValueError) as error:
                event(_log, logging.ERROR, "snapshot not kept on disk", reason=str(error))
            finally:
                self._unwritten.task_done()
