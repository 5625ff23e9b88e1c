"""`tollway serve`, put together: settings in, exit code out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from tollway import logs, sockets
from tollway.serve import banner
from tollway.serve.commands import Commands, choose_ports
from tollway.serve.supervisor import Supervisor, lock_data
from tollway.settings import Settings


def run(settings: Settings, *, demo: bool, echo: Callable[[str], None]) -> int:
    """Serves until told to leave. SettingsError (port taken, folder in use) before anything was started."""
    logs.setup("serve")
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock_data(settings)
    listeners = sockets.open_listeners(settings.host, settings.port, settings.thread_count)
    # Port 0 is known from here on: children and addresses get the real one.
    settings = msgspec.structs.replace(settings, port=sockets.bound_port(listeners[0]))
    ports = choose_ports(settings, demo)
    commands = Commands(settings, ports, [listener.fileno() for listener in listeners])

    def up(said: dict[str, Any]) -> None:
        for line in banner.lines(settings.base_url, said, demo):
            echo(line)

    async def main() -> int:
        supervisor = Supervisor(settings, commands, listeners, control_port=ports.control, demo=demo, on_up=up)
        return await supervisor.run()

    with contextlib.suppress(KeyboardInterrupt):  # a signal before ours are installed
        return asyncio.run(main())
    return 1
