"""Runs the real supervisor with small children: `stand_in_serve.py DATA PORT CONTROL_PORT`; prints `up PORT ROLE`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from tollway import logs, sockets
from tollway.errors import SettingsError
from tollway.serve.supervisor import Supervisor, lock_data
from tollway.settings import load_settings

CHILD = str(Path(__file__).with_name("stand_in_child.py"))


class Roles:
    """The supervisor's children, played by stand_in_child.py."""

    def __init__(self, data: str, listen_fds: list[int]) -> None:
        self._data = data
        self._fds = ",".join(map(str, listen_fds))

    def gateway(self, ready_fd: int, beside_another: bool) -> Sequence[str]:
        return (sys.executable, CHILD, "gateway", self._data, str(ready_fd), self._fds, str(beside_another))

    def control(self, ready_fd: int) -> Sequence[str]:
        return (sys.executable, CHILD, "control", self._data, str(ready_fd))

    def simulator(self, ready_fd: int) -> Sequence[str]:
        return (sys.executable, CHILD, "simulator", self._data, str(ready_fd))


def main(data: str, port: int, control_port: int) -> int:
    logs.setup("serve")
    settings = load_settings({"data_dir": data, "port": port, "drain_ms": 0})
    lock_data(settings)
    listeners = sockets.open_listeners("127.0.0.1", port, 2)
    roles = Roles(data, [listener.fileno() for listener in listeners])

    def up(said: dict[str, object]) -> None:
        sys.stdout.write(f"up {sockets.bound_port(listeners[0])} {said['role']}\n")
        sys.stdout.flush()

    async def serve() -> int:
        return await Supervisor(settings, roles, listeners, control_port=control_port, demo=True, on_up=up).run()

    return asyncio.run(serve())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
