"""Keeps one role alive: starts its child, starts it again when it dies, replaces it on request, ends it on the way out.

Decides that a replacement is started beside the old child and takes over only once it is ready; if it does not get
ready the old one stays, and that is an error in the log, not an outage. An old child that still drains is not waited
for: it ends when its last request does. Everything ever started and still alive is ended by `stop`, also what was half
way up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tollway.logs import event
from tollway.serve.backoff import Backoff
from tollway.serve.child import Child

READY_MS_MAX = 30_000
# After a child was killed, or told to leave because it never got ready.
LEAVE_MS_MAX = 5_000
# A child's own word for "used wrongly": trying again would not help.
EXIT_WRONG_USE = 2
_log = logging.getLogger(__name__)

# Starts a child; `beside_another` is true when an older one of the role still lives.
Launch = Callable[[bool], Awaitable[Child]]


class WrongUse(Exception):
    """The child refused its settings at the first start; its own message is on standard error already."""


class Keeper:
    """One role: gateway, control or simulator."""

    def __init__(
        self,
        name: str,
        launch: Launch,
        *,
        on_start: Callable[[Child], None] = lambda _: None,
        on_exit: Callable[[Child], None] = lambda _: None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self._launch = launch
        self._on_start = on_start
        self._on_exit = on_exit
        self._backoff = backoff or Backoff()
        self._children: set[Child] = set()
        self._current: Child | None = None
        self._change = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._waiting_replace = False
        self._was_ready = False
        self._ready_line: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until `stop`. WrongUse when the first child refuses its settings."""
        while not self._stopping.is_set():
            child = await self._start_current()
            code = await child.wait() if child else 1
            async with self._change:  # a replacement on its way decides first who is current
                if self._stopping.is_set() or (child is not None and self._current is not child):
                    continue  # on the way out, or another child took over: wait for that one
            if code == EXIT_WRONG_USE and not self._was_ready:
                raise WrongUse(self.name)
            wait_ms = self._backoff.after(child.ran_ms if child else 0)
            event(_log, logging.WARNING, "child ended, starting it again", child=self.name, code=code, wait_ms=wait_ms)
            await self._pause(wait_ms)

    async def _start_current(self) -> Child | None:
        async with self._change:
            if self._current is not None and self._current.alive:
                return self._current
            if self._stopping.is_set():
                return None
            self._current = await self._start()
            return self._current

    async def _start(self) -> Child | None:
        try:
            child = await self._launch(any(child.alive for child in self._children))
        except OSError as error:
            event(_log, logging.ERROR, "child cannot be started", child=self.name, reason=str(error))
            return None
        self._children.add(child)
        self._on_start(child)
        child.ready.add_done_callback(lambda _: self._note_ready(child))
        asyncio.ensure_future(self._reap(child))  # noqa: RUF006  # ends with the child, which `_children` holds
        return child

    def _note_ready(self, child: Child) -> None:
        said = None if child.ready.cancelled() else child.ready.result()
        if said is not None:
            self._was_ready = True
            if not self._ready_line.done():
                self._ready_line.set_result(said)
            event(_log, logging.INFO, "child ready", child=self.name, child_pid=child.pid, after_ms=round(child.ran_ms))

    async def _reap(self, child: Child) -> None:
        code = await child.wait()
        self._children.discard(child)
        self._on_exit(child)
        event(_log, logging.INFO, "child ended", child=self.name, child_pid=child.pid, code=code)

    async def ready_line(self) -> dict[str, Any]:
        """What the first child that got ready said; waits for it."""
        return await asyncio.shield(self._ready_line)

    async def replace(self) -> bool:
        """Puts a fresh child in the place of the running one. False when it did not get ready and the old one stays."""
        if self._waiting_replace:
            return True  # one that waits its turn will do for this request too
        self._waiting_replace = True
        async with self._change:
            self._waiting_replace = False
            old = self._current
            if self._stopping.is_set() or old is None or not old.alive:
                return False  # `run` is about to start a fresh one anyway
            new = await self._start()
            if new is None:
                return False
            if not await self._gets_ready(new):
                event(_log, logging.ERROR, "replacement did not get ready, the old child stays", child=self.name)
                await new.end(LEAVE_MS_MAX)
                return False
            self._current = new
        event(_log, logging.INFO, "child replaced", child=self.name, old_pid=old.pid, new_pid=new.pid)
        old.tell()
        return True

    async def _gets_ready(self, child: Child) -> bool:
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                (child.ready, stopping), timeout=READY_MS_MAX / 1000, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
        return child.ready.done() and child.ready.result() is not None

    async def stop(self, within_ms: int) -> bool:
        """Ends all children of the role, each by SIGTERM. True when all left by themselves with exit code 0."""
        self._stopping.set()
        for child in self._children:
            child.tell()  # at once: what a replacement in progress still does must not delay the drain
        async with self._change:
            children = list(self._children)
        codes = await asyncio.gather(*(child.end(within_ms) for child in children))
        return all(code == 0 for code in codes)

    def kill(self) -> None:
        """Ends all children at once."""
        self._stopping.set()
        for child in self._children:
            child.kill()

    async def _pause(self, wait_ms: int) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), wait_ms / 1000)
        except TimeoutError:
            return
