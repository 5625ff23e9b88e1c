"""`tollway simulator`: the simulated provider of the demo, the tests and the benches, in a process of its own.

Decides only how it ends: the provider runs in Rust on a thread of its own, the main thread waits for a signal. It keeps
nothing, so leaving needs no order.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable

from tollway._core import simulator

Run = Callable[[bytes], None]


def config(host: str, port: int) -> bytes:
    """What the provider is told."""
    return json.dumps({"listen": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}).encode()


def run(host: str, port: int, run_simulator: Run = simulator) -> int:
    """Until SIGTERM or SIGINT: 0. 1 when the provider ends by itself, e.g. because the port is taken."""
    awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # before the thread starts: it inherits the mask
    failure: list[BaseException] = []

    def provide() -> None:
        try:
            run_simulator(config(host, port))
        except BaseException as error:  # noqa: BLE001  # carried over to the main thread
            failure.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=provide, name="simulator", daemon=True).start()
    if signal.sigwait(awaited) != signal.SIGUSR1:
        return 0
    for error in failure:
        raise error
    return 1
