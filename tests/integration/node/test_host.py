"""The gateway process from outside: a real Robyn host, a stand-in core, real signals.

Each test starts its own process and ends it by its pid.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.support import stand_in_gateway
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.integration
WHOLE = msgspec.msgpack.encode([1, 7, 0, [], [], [], [], [], []])
DELTA = msgspec.msgpack.encode([1, 8, 7, None, None, None, [], [], []])
GAP = msgspec.msgpack.encode([1, 99, 98, None, None, None, [], [], []])
BAD = msgspec.msgpack.encode([1, 9, 0, [], [], ["bad"], [], [], []])


class Gateway:
    """One started process and its node API."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.node_port = free_port()
        arguments = [sys.executable, stand_in_gateway.__file__, str(data), str(free_port()), str(self.node_port)]
        # Robyn reads ROBYN_* and the command line; neither may reach it.
        noise = {"ROBYN_PORT": "1", "ROBYN_DEV_MODE": "true"}
        self.log = (data / "log").open("ab")
        self.process = subprocess.Popen(arguments, stderr=self.log, env={**_environment(), **noise})
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.node_port}", timeout=5)

    def up(self) -> Gateway:
        until(lambda: self._answers() or self.process.poll() is not None, "the node port", 20)
        assert self.process.poll() is None, (self.data / "log").read_text()
        return self

    def armed(self) -> Gateway:
        until(lambda: (self.data / "run" / "gateway.pid").exists(), "gateway.pid", 20)
        return self

    def _answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def push(self, body: bytes, token: str | None = None) -> httpx.Response:
        given = (self.data / "node.token").read_text().strip() if token is None else token
        return self.http.post("/node/snapshot", content=body, headers={"x-tollway-node-token": given})

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/api/status").json()
        return found

    def calls(self) -> list[str]:
        return (self.data / "calls").read_text().splitlines()

    def exit_code(self) -> int:
        return self.process.wait(20)


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)  # handed on to the child as it is


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Gateway]]:
    started: list[Gateway] = []

    def make() -> Gateway:
        started.append(Gateway(tmp_path))
        return started[-1]

    yield make
    for gateway in started:
        if gateway.process.poll() is None:
            gateway.process.kill()
        gateway.process.wait(10)
        gateway.http.close()
        gateway.log.close()


def test_without_a_snapshot_it_lives_but_is_not_ready(start: Callable[[], Gateway], tmp_path: Path) -> None:
    gateway = start().up()
    assert gateway.http.get("/readyz").status_code == 503
    assert gateway.status()["status"] == "down"
    assert not (tmp_path / "run" / "gateway.pid").exists()
    assert gateway.push(WHOLE).json() == {"generation": 7, "keys": 0, "apply_us": 1}
    gateway.armed()
    assert (tmp_path / "run" / "gateway.pid").read_text() == f"{gateway.process.pid}\n"
    assert gateway.http.get("/readyz").status_code == 200
    status = gateway.status()
    assert (status["status"], status["generation"], status["draining"]) == ("up", 7, False)
    assert status["base_url"] == f"http://127.0.0.1:{gateway.node_port}/v1"


def test_the_core_gets_the_contracts_configuration(start: Callable[[], Gateway], tmp_path: Path) -> None:
    gateway = start().up()
    config = json.loads(gateway.calls()[0].removeprefix("init "))
    assert config["node"].startswith("node_")
    assert config["epoch"] == 1
    assert config["journal_dir"] == str(tmp_path / "journal" / "1")
    assert len(config["listen_fds"]) == 2
    assert config["node_api"] == f"127.0.0.1:{gateway.node_port}"
    assert config["settings"]["body_bytes_max"] == 20_971_520


def test_intake_answers_as_the_contract_says(start: Callable[[], Gateway]) -> None:
    gateway = start().up()
    assert gateway.push(WHOLE, token="wrong").status_code == 401
    assert gateway.push(WHOLE, token="").status_code == 401
    assert gateway.push(WHOLE).status_code == 200
    assert gateway.push(DELTA).json()["generation"] == 8
    refused = gateway.push(GAP)
    assert (refused.status_code, refused.json()) == (409, {"code": "generation_gap", "generation": 8})
    refused = gateway.push(BAD)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_snapshot")
    assert gateway.status()["generation"] == 8


def test_it_serves_from_disk_before_it_listens(start: Callable[[], Gateway], tmp_path: Path) -> None:
    gateway = start().up()
    gateway.push(WHOLE)
    gateway.push(DELTA)
    until(lambda: (tmp_path / "node" / "delta-8.sealed").exists(), "the delta on disk")
    gateway.process.kill()
    gateway.process.wait(10)
    (tmp_path / "calls").unlink()
    successor = start().up().armed()
    assert successor.calls()[1:4] == ["apply 7", "apply 8", "start"]
    assert successor.status()["generation"] == 8
    assert json.loads(successor.calls()[0].removeprefix("init "))["epoch"] == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, "api"])
def test_the_first_signal_drains_while_status_answers(start: Callable[[], Gateway], tmp_path: Path, how: Any) -> None:
    gateway = start().up()
    gateway.push(WHOLE)
    gateway.armed()
    if how == "api":
        token = {"x-tollway-node-token": (tmp_path / "node.token").read_text().strip()}
        assert gateway.http.post("/node/drain").status_code == 401
        assert gateway.http.post("/node/drain", headers=token).status_code == 202
    else:
        gateway.process.send_signal(how)
    until(lambda: "drain 120000" in gateway.calls(), "the core to drain")
    assert gateway.status()["draining"] is True
    refused = gateway.http.get("/readyz")
    assert (refused.status_code, refused.json()["reason"]) == (503, "draining")
    assert gateway.process.poll() is None
    (tmp_path / "let-go").touch()
    assert gateway.exit_code() == 0
    assert gateway.calls()[-1] == "stop"
    assert not (tmp_path / "run" / "gateway.pid").exists()


def test_the_second_signal_leaves_at_once_with_1(start: Callable[[], Gateway]) -> None:
    gateway = start().up()
    gateway.push(WHOLE)
    gateway.armed().process.send_signal(signal.SIGTERM)
    until(lambda: "drain 120000" in gateway.calls(), "the core to drain")
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.exit_code() == 1
    assert "stop" not in gateway.calls()


def test_a_signal_before_it_is_ready_ends_it(start: Callable[[], Gateway], tmp_path: Path) -> None:
    (tmp_path / "let-go").touch()
    gateway = start()
    until(lambda: "starting" in (tmp_path / "log").read_text(), "its first line", 20)
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.exit_code() == 0


def test_a_core_that_does_not_start_ends_it_with_1(start: Callable[[], Gateway], tmp_path: Path) -> None:
    (tmp_path / "fail-start").touch()
    assert start().exit_code() == 1
    assert "told to fail" in (tmp_path / "log").read_text()


def test_python_gives_way_and_the_core_does_not(start: Callable[[], Gateway]) -> None:
    gateway = start().up()
    gateway.push(WHOLE)
    gateway.armed()
    names: list[str] = []
    tasks = Path(f"/proc/{gateway.process.pid}/task")
    until(lambda: "core-0\n" in [task.read_text() for task in tasks.glob("*/comm")], "the core's thread to be named")
    for task in tasks.iterdir():
        # Fields 18 and 19 are priority and niceness; the name, in parentheses, may hold spaces.
        nice = int((task / "stat").read_text().rpartition(")")[2].split()[16])
        names.append((task / "comm").read_text().strip())
        assert nice == 0 if names[-1] == "core-0" else nice >= 10, names[-1]
    assert names.count("core-0") == 1


def test_the_test_hook_holds_the_gil(start: Callable[[], Gateway]) -> None:
    gateway = start().up()
    began = time.monotonic()
    held = gateway.http.post("/__test/hold-gil?ms=300").json()
    assert held["held_ms"] == 300
    assert held["others_ran"] <= 1
    assert time.monotonic() - began >= 0.3
    assert gateway.http.post("/__test/hold-gil?ms=99999").status_code == 400
    assert gateway.http.post("/__test/hold-gil?ms=x").status_code == 400


def test_robyns_own_pages_do_not_exist(start: Callable[[], Gateway]) -> None:
    gateway = start().up()
    assert gateway.http.get("/docs").status_code == 404
    assert gateway.http.get("/openapi.json").status_code == 404
    assert "text/plain" in gateway.http.get("/metrics").headers["content-type"]
