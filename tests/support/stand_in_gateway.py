"""Runs the real gateway host with a stand-in for the Rust core: `python stand_in_gateway.py DATA PORT NODE_PORT`.

The stand-in keeps what the host does with it in `DATA/calls`, drains until `DATA/let-go` exists, and refuses snapshots
by the note they carry: each test sees from outside what the core would have seen.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script: `tests` is not importable yet
from tests.support.waiting import until
from tollway.node.host import run
from tollway.settings import load_settings

PR_SET_NAME = 15


class StandIn:
    """The core's interface, bytes in and bytes out."""

    def __init__(self, config: bytes) -> None:
        self.config = json.loads(config)
        self.data = Path(self.config["journal_dir"]).parents[1]
        self.generation = 0
        self.draining = False
        self._call("init " + json.dumps({**self.config, "pepper": "…", "node_token": "…"}))
        if (self.data / "fail-start").exists():
            self.start = self._fail  # type: ignore[method-assign]

    def _call(self, what: str) -> None:
        with (self.data / "calls").open("a") as file:
            file.write(what + "\n")

    def _fail(self) -> None:
        raise RuntimeError("told to fail")

    def start(self) -> None:
        self._call("start")
        threading.Thread(target=_core_thread, daemon=True).start()

    def apply(self, body: bytes) -> bytes:
        message = msgspec.msgpack.decode(body)
        generation, base, note = message[1], message[2], message[5]
        if note == ["bad"]:
            raise ValueError(json.dumps({"code": "bad_snapshot", "message": "told so"}))
        if base not in (0, self.generation):
            raise ValueError(json.dumps({"code": "generation_gap", "generation": self.generation}))
        self.generation = generation
        self._call(f"apply {generation}")
        return json.dumps({"generation": generation, "keys": 0, "apply_us": 1}).encode()

    def status(self) -> bytes:
        figures = {"generation": self.generation, "snapshot_age_ms": 5, "draining": self.draining}
        return json.dumps({**figures, "in_flight": 0, "connections": 0, "models": [], "counters": {}}).encode()

    def drain(self, timeout_ms: int) -> bool:
        self.draining = True
        self._call(f"drain {timeout_ms}")
        until((self.data / "let-go").exists, "the test to let go", 60)
        return True

    def stop(self) -> None:
        self._call("stop")


def _core_thread() -> None:
    threading.Event().wait(0.05)  # named late on purpose, as a thread on a busy machine may be
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"core-0")  # Python's own thread names do not reach the kernel
    threading.Event().wait()


if __name__ == "__main__":
    data, port, node_port = sys.argv[1:4]
    flags = {"data_dir": data, "port": int(port), "node_port": int(node_port), "threads": 2, "test_hooks": True}
    run(load_settings(flags), core_factory=StandIn)
