"""One snapshot into one core, alone in a process: time, memory, and whether Python could run meanwhile.

`apply.py SNAPSHOT PEPPER` prints a line of JSON. It is a process of its own so that the peak of resident memory is the
snapshot's and nobody else's; the bytes of the snapshot itself are there before and after and count in neither figure.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from tollway import __version__, ids
from tollway._core import Core


def memory(name: str) -> int:
    """A figure of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(name)


class Probe(threading.Thread):
    """Wakes all the time; its longest gap is how long Python could not run."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.going = True
        self.longest_s = 0.0

    def run(self) -> None:
        last = time.perf_counter()
        while self.going:
            time.sleep(0.0005)
            now = time.perf_counter()
            self.longest_s = max(self.longest_s, now - last)
            last = now


def main() -> None:
    snapshot, pepper = Path(sys.argv[1]).read_bytes(), sys.argv[2]
    with tempfile.TemporaryDirectory() as journal:
        config = {
            "node": ids.new_id("node"), "epoch": 1, "journal_dir": journal, "version": __version__, "listen_fds": [0],
            "pepper": pepper, "node_api": "127.0.0.1:1", "node_token": "x" * 32, "control": None,
        }  # fmt: skip
        core = Core(json.dumps(config).encode())
        probe = Probe()
        probe.start()
        time.sleep(0.05)
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        probe.longest_s = 0.0
        started_s, started_cpu_s = time.perf_counter(), time.thread_time()
        answer = json.loads(core.apply(snapshot))
        wall_s, cpu_s = time.perf_counter() - started_s, time.thread_time() - started_cpu_s
        probe.going = False
        figures = {
            "wall_ms": wall_s * 1000,
            "cpu_ms": cpu_s * 1000,
            "apply_us": answer["apply_us"],
            "peak_bytes": memory("VmHWM") - before,
            "resident_bytes": memory("VmRSS") - before,
            "gil_gap_ms": probe.longest_s * 1000,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
