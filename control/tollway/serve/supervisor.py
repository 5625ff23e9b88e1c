"""The supervisor: holds the public sockets, keeps the children alive, ends them in order.

Decides the order of things. Start: lock the data folder, take the port, then all children at once. SIGHUP: a fresh
gateway on the same sockets, the old one drains once it is ready. SIGTERM or SIGINT: the sockets are closed here first
(nobody may queue for a gateway that is leaving), then the gateway drains while the control plane still takes its
reports, then control, then the simulator. A second signal kills what is left and exits 1: the journal holds what the
next start must settle.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tollway import sockets
from tollway.errors import SettingsError
from tollway.logs import event
from tollway.runfiles import PidFile, try_lock
from tollway.serve.child import Child
from tollway.serve.keeper import Keeper, WrongUse
from tollway.settings import Settings

START_MS_MAX = 60_000
CONTROL_POLL_MS = 25
CONTROL_LEAVE_MS_MAX = 15_000
SIMULATOR_LEAVE_MS_MAX = 2_000
# What a gateway may take after its drain: the flush (node/life.py), and leaving.
GATEWAY_FLUSH_MS_MAX = 20_000
_log = logging.getLogger(__name__)


class Roles(Protocol):
    """How the children are run; `commands.Commands` is the real one."""

    def gateway(self, ready_fd: int, beside_another: bool) -> Sequence[str]: ...

    def control(self, ready_fd: int) -> Sequence[str]: ...

    def simulator(self, ready_fd: int) -> Sequence[str]: ...


def lock_data(settings: Settings) -> int:
    """Keeps a second `serve` off this data folder. SettingsError naming the one that is there."""
    lock = try_lock(settings.data_path / "run" / "serve.lock")
    if lock is None:
        pid = PidFile(settings.data_path, "serve").read()
        raise SettingsError(
            f"{settings.data_path} is served already, by process {pid}: stop it, or choose another --data"
        )
    return lock


class Supervisor:
    """One `tollway serve`. `listeners` are its own from here on."""

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        listeners: list[socket.socket],
        *,
        control_port: int,
        demo: bool,
        on_up: Callable[[dict[str, Any]], None],
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._control_port = control_port
        self._on_up = on_up
        self._pid_file = PidFile(settings.data_path, "serve")
        control_pid = PidFile(settings.data_path, "control")
        gateway_pid = PidFile(settings.data_path, "gateway")  # written by the gateway itself, when it is ready
        self._gateway = Keeper("gateway", self._launcher(roles), on_exit=lambda child: gateway_pid.remove(child.pid))
        self._control = Keeper(
            "control",
            lambda _: Child.start("control", roles.control),
            on_start=lambda child: control_pid.write(child.pid),
            on_exit=lambda child: control_pid.remove(child.pid),
        )
        self._simulator = Keeper("simulator", lambda _: Child.start("simulator", roles.simulator)) if demo else None
        self._leave = asyncio.Event()
        self._signals = 0
        self._replacements: set[asyncio.Task[bool]] = set()

    def _launcher(self, roles: Roles) -> Callable[[bool], Any]:
        async def launch(beside_another: bool) -> Child:
            fds = [listener.fileno() for listener in self._listeners]
            return await Child.start("gateway", lambda ready_fd: roles.gateway(ready_fd, beside_another), fds)

        return launch

    async def run(self) -> int:
        """Until a signal ends it: the exit code. 0 all drained, 1 not all did, 2 a child refused its settings."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_leave, signal.Signals(number).name)
        loop.add_signal_handler(signal.SIGHUP, self._on_replace)
        self._pid_file.write(os.getpid())
        keepers = [keeper for keeper in (self._simulator, self._control, self._gateway) if keeper]
        tasks = [asyncio.create_task(keeper.run(), name=keeper.name) for keeper in keepers]
        up = asyncio.create_task(self._up())
        leave = asyncio.create_task(self._leave.wait())
        await asyncio.wait((*tasks, leave), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        code = self._code_of(tasks)
        drained = await self._stop()
        await asyncio.gather(*tasks, up, return_exceptions=True)
        self._pid_file.remove(os.getpid())
        event(_log, logging.INFO, "left", drained=drained)
        return code or (0 if drained else 1)

    def _code_of(self, tasks: list[asyncio.Task[None]]) -> int:
        code = 0
        for task in tasks:
            if task.done() and (error := task.exception()):
                known = isinstance(error, WrongUse)
                event(_log, logging.ERROR, "child cannot run, leaving", child=task.get_name(), reason=repr(error))
                code = 2 if known else 1
        return code

    async def _stop(self) -> bool:
        sockets.close_all(self._listeners)
        drained = await self._gateway.stop(self._settings.core.drain_ms + GATEWAY_FLUSH_MS_MAX)
        drained = await self._control.stop(CONTROL_LEAVE_MS_MAX) and drained
        if self._simulator:
            await self._simulator.stop(SIMULATOR_LEAVE_MS_MAX)  # holds nothing that must not be lost
        return drained

    def _on_leave(self, name: str) -> None:
        self._signals += 1
        if self._signals == 1:
            event(_log, logging.INFO, "leaving", why=name)
            self._leave.set()
            return
        event(_log, logging.WARNING, "second signal, leaving at once")
        for keeper in (self._gateway, self._control, self._simulator):
            if keeper:
                keeper.kill()
        self._pid_file.remove(os.getpid())
        sys.stderr.flush()
        os._exit(1)

    def _on_replace(self) -> None:
        event(_log, logging.INFO, "replacing the gateway", why="SIGHUP")
        task = asyncio.ensure_future(self._gateway.replace())
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)

    async def _up(self) -> None:
        """Says that all is up, once, when the gateway is ready and the control plane answers."""
        try:
            async with asyncio.timeout(START_MS_MAX / 1000):
                said = await self._control.ready_line()
                await self._gateway.ready_line()
                await self._control_answering()
        except TimeoutError:
            event(_log, logging.ERROR, "not up yet, trying on; the lines above say why", waited_ms=START_MS_MAX)
            return
        self._on_up(said)

    async def _control_answering(self) -> None:
        """Its server starts after the ready line and has no way to say so: it has to be asked."""
        host, port = self._settings.control_host, self._control_port
        while not await asyncio.to_thread(control_answers, host, port):  # noqa: ASYNC110  # another process, no event
            await asyncio.sleep(CONTROL_POLL_MS / 1000)


def control_answers(host: str, port: int) -> bool:
    """Whether an HTTP server answers there, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read(0)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
