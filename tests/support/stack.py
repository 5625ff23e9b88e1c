"""The product as a person starts it: `tollway serve` in a folder of its own on free ports, and a hand on its API.

Decides that a test meets only what a client meets: the public port, the printed lines, the pid files, the simulated
provider's ground truth. Every stack has its own data folder and simulator, and ends only processes that it started or
that its own pid files name. The log is shown when something does not come in time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import openai

from tests.support.api import SIMULATOR, Api, Simulator
from tests.support.waiting import free_port, until

ADMIN_TOKEN = "operator-token-of-the-end-to-end-tests"
PROGRAM = Path(sys.executable).parent / "tollway"
UP_S = 60.0
LEAVE_S = 30.0
# What a developer's shell may hold and a test must not: real providers' keys, settings of another installation.
_FOREIGN = ("OPENAI_", "ANTHROPIC_", "GEMINI_", "TOLLWAY_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would leak into a stack, and `more`."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)} | more


class Process:
    """One program of ours: its lines on standard output as they come, its log in a file."""

    def __init__(self, arguments: list[str], log: Path, **env: str) -> None:
        self.log = log
        self._file: IO[bytes] = log.open("ab")
        self.process = subprocess.Popen(
            [str(PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._file,
            text=True,
            cwd=log.parent,
            env=environment(**env),
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, name=f"lines of {arguments[0]}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self.process.stdout is not None:
            self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    def line(self, start: str, within_s: float = UP_S) -> str:
        """The first printed line that begins so; the log in the failure when it does not come."""

        def look() -> str | None:
            if self.process.poll() is not None and not self._reader.is_alive():
                raise AssertionError(f"ended with {self.process.returncode} before {start!r}:\n{self.tail()}")
            return next((line for line in list(self.lines) if line.strip().startswith(start)), None)

        try:
            return until(look, f"the line {start!r}", within_s).strip()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def tell(self, number: int) -> None:
        """Signals it, while it lives."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, within_s: float = LEAVE_S) -> int:
        """Its exit code."""
        code = self.process.wait(within_s)
        self._reader.join(within_s)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._file.close()
        return code

    def end(self) -> int:
        """SIGTERM, a second one when that takes too long, then SIGKILL. Its exit code."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            self.tell(number)
            try:
                return self.wait()
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"process {self.process.pid} does not end")


class Stack:
    """A running installation. Use as a context manager; `serve` may be ended and started again on the same data."""

    def __init__(self, folder: Path, *, demo: bool = False, operator: bool = True, **env: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.demo = demo
        self.operator = operator
        self.env = {"TOLLWAY_CONTROL_PORT": str(free_port()), "TOLLWAY_NODE_PORT": "0", "TOLLWAY_TEST_HOOKS": "1"}
        if operator:
            self.env["TOLLWAY_ADMIN_TOKEN"] = ADMIN_TOKEN
        self.env |= env
        self.port = free_port()
        self.provider: Process | None = None
        self._simulator: Simulator | None = None
        self.serve: Process | None = None
        self._clients: list[openai.OpenAI] = []
        self.api = Api(self.url, ADMIN_TOKEN)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            if not self.demo:
                self._start_simulator()
            self.start()
            if not self.demo and self.operator:
                self.api.upstream(SIMULATOR, f"{self.simulator.url}/v1")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start_simulator(self) -> None:
        port = free_port()
        self._simulator = Simulator(f"http://127.0.0.1:{port}")
        self.provider = Process(["simulator", "--port", str(port)], self.folder / "simulator.log")
        until(self._simulator.answers, "the simulator", UP_S)

    @property
    def simulator(self) -> Simulator:
        """The provider behind this stack. The demo's own has a port of its choice, which its upstream tells."""
        if self._simulator is None:
            address: str = self.api.get(f"/api/admin/upstreams/{SIMULATOR}")["base_url"]
            self._simulator = Simulator(address.removesuffix("/v1"))
        return self._simulator

    def start(self) -> Process:
        """Starts `serve` on this data folder and waits until it says that it is up."""
        demo = ["--demo"] if self.demo else []
        arguments = ["serve", "--data", str(self.data), "--port", str(self.port), *demo]
        self.serve = Process(arguments, self.folder / "serve.log", **self.env)
        self.serve.line("Tollway is up.")
        return self.serve

    def stop(self) -> int:
        """Ends `serve`; its exit code."""
        assert self.serve is not None
        code = self.serve.end()
        self.serve = None
        return code

    def close(self) -> None:
        """Ends all that this stack started."""
        for client in self._clients:
            client.close()
        self.api.close()
        for process in (self.serve, self.provider):
            if process is not None:
                process.end()

    def pid(self, name: str) -> int | None:
        """The process that DATA/run/<name>.pid names."""
        try:
            return int((self.data / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def running(self, name: str) -> int:
        """The same, once it is there."""
        return until(lambda: self.pid(name), f"{name}.pid", UP_S)

    def node_api(self) -> str:
        """The base URL of the node API, which listens on loopback only."""
        return f"http://{(self.data / 'run' / 'node_api').read_text().strip()}"

    def openai(self, key: str, **options: Any) -> openai.OpenAI:
        """The official SDK on this gateway; no retries unless told, so that one call is one request."""
        options.setdefault("max_retries", 0)
        options.setdefault("timeout", 20.0)
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **options)
        self._clients.append(client)
        return client

    def generation(self) -> int:
        """The snapshot that the gateway serves from."""
        return int(httpx.get(f"{self.url}/api/status", timeout=10).json()["generation"])
