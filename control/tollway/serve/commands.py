"""What `tollway serve` runs: the command line of each child, and the inner ports they meet on.

Decides that children are this same program (`python -P -m tollway.cli …`: never a module that lies in the working
folder), told by flags what was decided here; all other settings they read for themselves, from the same file and
environment. Nothing secret is ever on a command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tollway import sockets
from tollway.settings import Settings

SIMULATOR_PORT = 9373
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the halves meet on loopback; fixed for the supervisor's life."""

    control: int
    node: int
    simulator: int | None


def choose_ports(settings: Settings, demo: bool) -> Ports:
    """The ports as set. One at its default gives way to a free one when it is taken; one that was chosen does not."""
    defaults = Settings()
    return Ports(
        control=_port(settings.control_port, defaults.control_port, "control_port (TOLLWAY_CONTROL_PORT)"),
        node=_port(settings.node_port, defaults.node_port, "node_port (TOLLWAY_NODE_PORT)"),
        simulator=_port(SIMULATOR_PORT, SIMULATOR_PORT, "the simulator") if demo else None,
    )


def _port(wanted: int, default: int, setting: str) -> int:
    if wanted == 0:
        return sockets.free_port(_HOST)
    try:
        sockets.require_free(_HOST, wanted, setting)
    except sockets.PortTaken:
        if wanted != default:
            raise
        return sockets.free_port(_HOST)
    return wanted


class Commands:
    """The real children. Tests put a stand-in with the same three methods in its place."""

    def __init__(self, settings: Settings, ports: Ports, listen_fds: Sequence[int]) -> None:
        self._ports = ports
        self._listen_fds = listen_fds
        self._program = (sys.executable, "-P", "-m", "tollway.cli")
        self._common = ("--data", str(settings.data_path), "--parent", str(os.getpid()))
        self._control_at = ("--control-port", str(ports.control))
        self._public = ("--host", settings.host, "--port", str(settings.port))

    def gateway(self, ready_fd: int, beside_another: bool) -> Sequence[str]:
        """Beside a gateway that still drains, the node port is taken: then a free one, told by the ready line."""
        node_port = 0 if beside_another else self._ports.node
        fds = ",".join(map(str, self._listen_fds))
        flags = ("--listen-fds", fds, "--node-port", str(node_port), "--ready-fd", str(ready_fd))
        return (*self._program, "gateway", *self._common, *self._control_at, *self._public, *flags)

    def control(self, ready_fd: int) -> Sequence[str]:
        demo = () if self._ports.simulator is None else ("--demo", "--simulator-port", str(self._ports.simulator))
        flags = ("--ready-fd", str(ready_fd), *demo)
        return (*self._program, "control", *self._common, *self._control_at, *self._public, *flags)

    def simulator(self, ready_fd: int) -> Sequence[str]:
        port = str(self._ports.simulator or SIMULATOR_PORT)
        parent = ("--parent", str(os.getpid()))
        return (*self._program, "simulator", "--port", port, *parent, "--ready-fd", str(ready_fd))
