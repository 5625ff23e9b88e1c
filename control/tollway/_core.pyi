"""The Rust core as Python sees it: one class and one function, bytes in, bytes out. Every call releases the GIL."""

from typing import Self, final

__all__ = ["Core", "simulator"]

@final
class Core:
    """The data plane of one process. `config`: the JSON of ARCHITECTURE.md; ValueError names the wrong field."""

    def __new__(cls, config: bytes) -> Self: ...
    def start(self) -> None:
        """Starts the core's threads on the sockets it was given."""

    def apply(self, snapshot: bytes) -> bytes:
        """Takes a snapshot (msgpack): JSON of what was taken; ValueError with JSON when it is refused whole."""

    def status(self) -> bytes:
        """Figures as JSON."""

    def drain(self, timeout_ms: int) -> bool:
        """Stops accepting and lets requests end; True when all did in time, False when the rest was cut."""

    def stop(self) -> None:
        """Flushes journal and reports, ends the threads."""

def simulator(config: bytes) -> None:
    """Runs the simulated provider; returns when it is stopped. `config` is JSON."""
