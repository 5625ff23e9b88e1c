"""The processes of a measurement: who runs on which processor, how each is started, waited for and ended.

Decides that the system under test has processor 0 for itself and that load, upstream and the stand-in control plane
share processor 1: what is measured is never slowed by what measures. Each process is started by its own command, ended
by its own pid, and loopback is all it sees. The gateway is a real node process (Robyn, the core, journal, reports) with
one core thread; only its control plane is a stand-in that grants and acknowledges.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "target/release/tollway-bench"
SUT_CPU, LOAD_CPU = "0", "1"
WAIT_S = 60
STOP_WAIT_S = 30
SECRET_KEY = "5e" * 32  # of throw-away installations on loopback
NODE_TOKEN = "bench-node-token-bench-node-token-bench"


def free_port() -> int:
    """A loopback port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pepper() -> str:
    """The gateway's key pepper: HKDF-SHA-256 of the installation key under `key-pepper` (one block, no salt)."""
    extracted = hmac.digest(bytes(32), bytes.fromhex(SECRET_KEY), "sha256")
    return hmac.new(extracted, b"key-pepper\x01", hashlib.sha256).hexdigest()


def pinned(cpu: str, *command: str | Path) -> list[str]:
    """The command, bound to one processor."""
    return ["taskset", "-c", cpu, *map(str, command)]


class Helper:
    """One of tollway-bench's servers or holders: it says JSON lines, and ends when its standard input closes."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            pinned(LOAD_CPU, BENCH, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> dict[str, Any]:
        """The next line. RuntimeError when the process ended instead."""
        out: IO[str] | None = self.process.stdout
        text = out.readline() if out else ""
        if not text:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait(STOP_WAIT_S)}")
        found: dict[str, Any] = json.loads(text)
        return found

    def end(self) -> str:
        """Closes its input and returns what it still said."""
        rest, _ = self.process.communicate(timeout=STOP_WAIT_S)
        return rest


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, whose cost is counted, and what to call there."""

    name: str
    address: str
    pids: tuple[int, ...]
    prefix: str = ""
    keys: Path | None = None

    def caller(self) -> list[str]:
        """The options of the load generator that say who asks."""
        return ["--key-file", str(self.keys)] if self.keys else ["--key", "sk-" + "x" * 52]


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway process and what it was given."""

    target: Target
    node_api: str
    folder: Path

    @property
    def pid(self) -> int:
        return self.target.pids[0]

    def push(self, snapshot: Path) -> dict[str, Any]:
        """Gives it a snapshot. RuntimeError when it is refused."""
        status, body = ask(self.node_api, "POST", "/node/snapshot", snapshot.read_bytes())
        if status != 200:
            raise RuntimeError(f"snapshot refused: {status} {body.decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(body)
        return answer


class Bed:
    """Everything that runs during the measurements. Leaving it ends all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ends = ExitStack()
        self.mock = ""
        self.control = ""
        self.mock_pid = 0
        self.control_pid = 0

    def __enter__(self) -> Bed:
        try:
            mock, control = self._helper("mock"), self._helper("control")
            self.mock, self.control = mock.line()["listening"], control.line()["listening"]
            self.mock_pid, self.control_pid = mock.process.pid, control.process.pid
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _helper(self, *arguments: str) -> Helper:
        helper = Helper(*arguments)
        self._ends.callback(helper.end)
        return helper

    def counts(self) -> dict[str, int]:
        """What the stand-in control plane has counted so far."""
        found: dict[str, int] = json.loads(ask(self.control, "GET", "/counts")[1])
        return found

    def nginx(self) -> tuple[Target, Target]:
        """Starts nginx: the target for JSON, and the one for streams."""
        folder = self.folder / "nginx"
        folder.mkdir()
        ports = {"JSON": free_port(), "SSE": free_port()}
        text = (ROOT / "bench/nginx.conf.in").read_text()
        values = {"DIR": str(folder), "MOCK": self.mock, **{name: str(port) for name, port in ports.items()}}
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (folder / "nginx.conf").write_text(text)
        command = pinned(SUT_CPU, "nginx", "-e", folder / "start.log", "-p", folder, "-c", folder / "nginx.conf")
        master = self._start(command, folder)
        wait_for(lambda: all(reachable(f"127.0.0.1:{port}") for port in ports.values()), master, "nginx")
        pids = (master.pid, *children(master.pid))
        json_target, sse_target = (Target("nginx", f"127.0.0.1:{port}", pids) for port in ports.values())
        return json_target, sse_target

    def gateway(self, name: str, keys: Path, snapshot: Path) -> Gateway:
        """Starts a gateway process with one core thread and gives it a snapshot."""
        folder = self.folder / name
        folder.mkdir()
        port, node_port = free_port(), free_port()
        control_host, control_port = self.control.split(":")
        settings = {
            "DATA_DIR": folder, "PORT": port, "NODE_PORT": node_port, "CONTROL_HOST": control_host,
            "CONTROL_PORT": control_port, "NODE_TOKEN": NODE_TOKEN, "SECRET_KEY": SECRET_KEY, "THREADS": 1,
        }  # fmt: skip
        env = {word: value for word, value in os.environ.items() if not word.startswith("TOLLWAY_")}
        env |= {f"TOLLWAY_{setting}": str(value) for setting, value in settings.items()}
        command = pinned(SUT_CPU, ROOT / ".venv/bin/python", "-m", "tollway.node")
        process = self._start(command, folder, env)
        node_api = f"127.0.0.1:{node_port}"
        wait_for(lambda: answers(node_api, "/healthz", (200,)), process, name)
        target = Target("tollway", f"127.0.0.1:{port}", (process.pid,), "my-", keys)
        gateway = Gateway(target, node_api, folder)
        wait_for(lambda: answers(node_api, "/readyz", (200, 503)), process, name)
        gateway.push(snapshot)
        wait_for(lambda: answers(node_api, "/readyz", (200,)), process, name)
        return gateway

    def _start(self, command: list[str], folder: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (folder / "output.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._ends.callback(stop, process)
        return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and ends it when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ask(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One request to an inner address."""
    connection = http.client.HTTPConnection(address, timeout=WAIT_S)
    try:
        connection.request(method, path, body, {"x-tollway-node-token": NODE_TOKEN})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers(address: str, path: str, statuses: tuple[int, ...]) -> bool:
    try:
        return ask(address, "GET", path)[0] in statuses
    except OSError:
        return False


def reachable(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def wait_for(condition: Any, process: subprocess.Popen[bytes], name: str) -> None:
    """Returns when the condition holds. RuntimeError when the process ended, or WAIT_S have passed."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}; see output.log in its folder")
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{name} was not ready within {WAIT_S} s")
        time.sleep(0.05)


def uss_bytes(pids: tuple[int, ...]) -> int:
    """Memory that belongs to these processes alone (private pages)."""
    return sum(_rollup(pid, "Private_Clean") + _rollup(pid, "Private_Dirty") for pid in pids)


def _rollup(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in smaps_rollup of {pid}")


def resident_bytes(pid: int, *, peak: bool = False) -> int:
    """Resident memory now, or its peak since `reset_peak`."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in the status of {pid}")


def reset_peak(pid: int) -> None:
    """The peak counts from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_ns(pids: tuple[int, ...]) -> int:
    """Nanoseconds that all threads of these processes have run."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
