"""Drives `tollway serve --demo` with locust, headless and bounded: what `make locust` runs.

Starts the whole gateway on a free port with a data directory of its own, waits until it is ready, runs
bench/locustfile.py against it with the demo key in TOLLWAY_KEY, and stops it again. Exit code is locust's: 1 when a
request failed.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WAIT_S = 60
STOP_WAIT_S = 30


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(base_url: str, gateway: "subprocess.Popen[bytes]") -> None:
    """Returns when /readyz answers 200; raises when the gateway ends or the wait is over."""
    deadline_s = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline_s:
        if gateway.poll() is not None:
            raise SystemExit(f"tollway serve ended with code {gateway.returncode} before it was ready")
        try:
            with urllib.request.urlopen(f"{base_url}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"tollway serve was not ready within {READY_WAIT_S} s")


def run_locust(base_url: str, key: str) -> int:
    """One headless run; LOCUST_USERS, LOCUST_SPAWN_PER_S and LOCUST_SECONDS bound it."""
    limits = {"-u": os.environ.get("LOCUST_USERS", "20"), "-r": os.environ.get("LOCUST_SPAWN_PER_S", "10")}
    command = [str(ROOT / ".tools/locust/bin/locust"), "-f", str(ROOT / "bench/locustfile.py"), "--headless"]
    command += ["--host", base_url, "-t", f"{os.environ.get('LOCUST_SECONDS', '30')}s", "--only-summary"]
    for flag, value in limits.items():
        command += [flag, value]
    return subprocess.run([*command, *sys.argv[1:]], env=os.environ | {"TOLLWAY_KEY": key}, check=False).returncode


def main() -> int:
    """Start, drive, stop."""
    with tempfile.TemporaryDirectory(prefix="tollway-locust-") as data:
        port = free_port()
        base_url = f"http://127.0.0.1:{port}"
        command = [str(ROOT / ".venv/bin/tollway"), "serve", "--demo", "--port", str(port), "--data", data]
        # Free ports inside too: somebody's own gateway may be running on the usual ones.
        env = os.environ | {"TOLLWAY_CONTROL_PORT": str(free_port()), "TOLLWAY_NODE_PORT": "0"}
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as gateway:
            try:
                wait_ready(base_url, gateway)
                return run_locust(base_url, (Path(data) / "demo.key").read_text().strip())
            finally:
                gateway.terminate()
                try:
                    gateway.wait(STOP_WAIT_S)
                except subprocess.TimeoutExpired:
                    gateway.kill()


if __name__ == "__main__":
    sys.exit(main())
