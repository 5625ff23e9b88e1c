"""The supervisor from outside: a real process with small children, real signals, real sockets.

Each test starts its own supervisor and signals only that, or a child it is shown in the events file.
"""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import stand_in_serve
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.integration


class Serve:
    """One supervisor and what its children wrote down."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self.data = data
        self.port = port
        self._control_port = free_port()
        (data / "control.port").write_text(str(self._control_port))
        self.log = (data / "log").open("ab")
        arguments = [sys.executable, stand_in_serve.__file__, str(data), str(port), str(self._control_port)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.log)

    def up(self) -> Serve:
        assert self.process.stdout is not None
        word, port, role = self.process.stdout.readline().split() or (b"", b"0", b"")
        assert (word, role) == (b"up", b"control"), (self.data / "log").read_text()
        self.port = int(port)
        until(lambda: self.pids("simulator", "ready"), "the simulator")  # being up does not wait for it
        return self

    def events(self) -> list[tuple[str, int, str]]:
        path = self.data / "events"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(role, int(pid), what) for role, pid, what in rows]

    def pids(self, role: str, what: str = "start") -> list[int]:
        return [pid for name, pid, happened in self.events() if name == role and happened == what]

    def pid_file(self, name: str) -> int | None:
        path = self.data / "run" / f"{name}.pid"
        try:
            return int(path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def ask(self) -> int:
        """The pid of the gateway that answers on the public port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        finally:
            connection.close()

    def exit_code(self) -> int:
        return self.process.wait(20)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    started: list[Serve] = []

    def make(port: int = 0) -> Serve:
        started.append(Serve(tmp_path, port))
        return started[-1]

    yield make
    for serve in started:
        if serve.process.poll() is None:
            (tmp_path / "gateway.deaf").unlink(missing_ok=True)
            serve.process.send_signal(signal.SIGTERM)
            serve.process.send_signal(signal.SIGTERM)
        serve.process.wait(20)
        assert serve.process.stdout is not None
        serve.process.stdout.close()
        serve.log.close()


def test_it_starts_all_and_writes_the_pid_files(start: Callable[..., Serve]) -> None:
    serve = start().up()
    assert serve.pid_file("serve") == serve.process.pid
    assert [serve.pid_file("gateway")] == serve.pids("gateway")
    assert [serve.pid_file("control")] == serve.pids("control")
    assert len(serve.pids("simulator")) == 1
    assert serve.ask() == serve.pid_file("gateway")


def test_it_ends_the_gateway_first_then_control(start: Callable[..., Serve]) -> None:
    serve = start().up()
    serve.process.send_signal(signal.SIGTERM)
    assert serve.exit_code() == 0
    order = [(role, what) for role, _, what in serve.events() if what in ("term", "end")]
    assert order == [(role, what) for role in ("gateway", "control", "simulator") for what in ("term", "end")]
    assert [serve.pid_file(name) for name in ("serve", "gateway", "control")] == [None, None, None]
    with pytest.raises(ConnectionRefusedError):
        serve.ask()


def test_new_callers_are_refused_while_the_gateway_drains(start: Callable[..., Serve], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gateway.linger")
    serve = start().up()
    serve.process.send_signal(signal.SIGTERM)
    until(lambda: serve.pids("gateway", "linger"), "the gateway to drain")
    with pytest.raises(ConnectionRefusedError):
        serve.ask()
    assert serve.pids("control", "term") == []
    (tmp_path / "gateway.linger").write_text("go")
    assert serve.exit_code() == 0


def test_ctrl_c_reaches_the_supervisor_alone(start: Callable[..., Serve]) -> None:
    serve = start().up()
    pids = [pid for role in ("gateway", "control", "simulator") for pid in serve.pids(role)]
    assert [os.getsid(pid) for pid in pids] == pids


@pytest.mark.parametrize("role", ["gateway", "control", "simulator"])
def test_a_dead_child_is_started_again(start: Callable[..., Serve], role: str) -> None:
    serve = start().up()
    (first,) = serve.pids(role)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(serve.pids(role, "ready")) == 2, f"another {role}")
    second = serve.pids(role)[1]
    if role != "simulator":
        until(lambda: serve.pid_file(role) == second, "its pid file")
    assert [
        serve.pids(other)
        for other in ("gateway", "control", "simulator")
        if other != role and len(serve.pids(other)) != 1
    ] == []


def test_callers_wait_for_a_dead_gateway_instead_of_being_refused(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (first,) = serve.pids("gateway")
    os.kill(first, signal.SIGKILL)
    assert serve.ask() != first


def test_a_child_that_keeps_dying_is_tried_ever_more_slowly(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (serve.data / "simulator.exit").write_text("1")
    os.kill(serve.pids("simulator")[0], signal.SIGKILL)
    until(lambda: len(serve.pids("simulator")) >= 4, "a few tries")
    log = (serve.data / "log").read_text()
    assert all(f"wait_ms={wait}" in log for wait in (100, 200, 400))
    assert serve.ask() == serve.pid_file("gateway")


def test_sighup_hands_over_without_a_refused_connection(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (first,) = serve.pids("gateway")
    answers: list[int] = []
    failures: list[BaseException] = []
    enough = threading.Event()

    def call() -> None:
        while not enough.is_set():
            try:
                answers.append(serve.ask())
            except BaseException as error:  # noqa: BLE001  # any failure is the finding
                failures.append(error)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for handed_over in (1, 2, 3):
            serve.process.send_signal(signal.SIGHUP)
            until(lambda wanted=handed_over: len(serve.pids("gateway", "end")) == wanted, "the old one to end")  # type: ignore[misc]
    finally:
        enough.set()
        for caller in callers:
            caller.join()
    assert failures == []
    started = serve.pids("gateway")
    assert set(answers) == set(started)
    assert len(started) == 4
    assert serve.pid_file("gateway") == started[-1]
    # Each was told to leave only after its successor was ready.
    flat = [(pid, what) for role, pid, what in serve.events() if role == "gateway"]
    for old, new in itertools.pairwise(started):
        assert flat.index((new, "ready")) < flat.index((old, "term"))
    assert flat.index((first, "end")) < len(flat)


def test_a_successor_that_does_not_get_ready_leaves_the_old_one_in_place(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (first,) = serve.pids("gateway")
    (serve.data / "gateway.exit").write_text("1")
    serve.process.send_signal(signal.SIGHUP)
    until(lambda: "the old child stays" in (serve.data / "log").read_text(), "the failure in the log")
    assert serve.ask() == first
    assert serve.pid_file("gateway") == first
    assert serve.pids("gateway", "term") == []


def test_leaving_in_the_middle_of_a_hand_over_ends_both(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (serve.data / "gateway.mute").touch()
    serve.process.send_signal(signal.SIGHUP)
    until(lambda: len(serve.pids("gateway")) == 2, "the successor")
    serve.process.send_signal(signal.SIGTERM)
    serve.exit_code()
    assert [Path(f"/proc/{pid}").exists() for pid in serve.pids("gateway")] == [False, False]


def test_a_second_signal_leaves_at_once_with_1(start: Callable[..., Serve]) -> None:
    serve = start().up()
    (serve.data / "gateway.deaf").touch()
    serve.process.send_signal(signal.SIGTERM)
    until(lambda: serve.pids("gateway", "term"), "the gateway to be told")
    assert serve.pids("control", "term") == []
    serve.process.send_signal(signal.SIGINT)
    assert serve.exit_code() == 1
    until(lambda: not any(_runs(pid) for _, pid, _ in serve.events()), "all children to be gone")


def test_a_child_that_refuses_its_settings_ends_it_with_2(start: Callable[..., Serve], tmp_path: Path) -> None:
    (tmp_path / "control.exit").write_text("2")
    assert start().exit_code() == 2


def test_a_taken_port_is_named(start: Callable[..., Serve], tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # one that would share is taken all the same
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert start(port).exit_code() == 2
    assert f"port {port} on 127.0.0.1 is taken" in (tmp_path / "log").read_text()


def test_one_data_folder_is_served_once(start: Callable[..., Serve], tmp_path: Path) -> None:
    first = start().up()
    assert start().exit_code() == 2
    assert f"served already, by process {first.process.pid}" in (tmp_path / "log").read_text()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
