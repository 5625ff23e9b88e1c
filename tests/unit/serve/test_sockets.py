"""The public sockets: one address, several sockets, and a port that is taken is refused, whoever takes it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tollway.errors import SettingsError
from tollway.serve.commands import choose_ports
from tollway.settings import Settings, load_settings
from tollway.sockets import LISTEN_BACKLOG, PortTaken, bound_port, close_all, numeric_address, open_listeners

pytestmark = pytest.mark.unit


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::", "localhost"])
def test_all_listen_on_one_port(host: str) -> None:
    listeners = open_listeners(host, 0, 3)
    try:
        assert len({bound_port(listener) for listener in listeners}) == 1
        assert all(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for listener in listeners)
    finally:
        close_all(listeners)


def test_any_ipv6_serves_ipv4_callers_too() -> None:
    listeners = open_listeners("::", 0, 1)
    try:
        socket.create_connection(("127.0.0.1", bound_port(listeners[0])), 2).close()
        socket.create_connection(("::1", bound_port(listeners[0])), 2).close()
    finally:
        close_all(listeners)


def test_the_same_port_twice_is_taken_although_ours_would_share() -> None:
    first = open_listeners("127.0.0.1", 0, 2)
    try:
        with pytest.raises(PortTaken, match=str(bound_port(first[0]))):
            open_listeners("127.0.0.1", bound_port(first[0]), 2)
    finally:
        close_all(first)


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(SettingsError, match="no-such-host"):
        open_listeners("no-such-host.invalid", 0, 1)


def test_a_child_accepts_on_an_inherited_socket() -> None:
    listeners = open_listeners("127.0.0.1", 0, 1)
    try:
        fd = listeners[0].fileno()
        accept = f"import socket; s = socket.socket(fileno={fd}); s.setblocking(True)"
        script = f"{accept}; c, _ = s.accept(); c.sendall(b'child')"
        child = subprocess.Popen([sys.executable, "-c", script], pass_fds=[fd])
        with socket.create_connection(("127.0.0.1", bound_port(listeners[0])), 5) as caller:
            caller.settimeout(10)
            assert caller.recv(16) == b"child"
        assert child.wait(10) == 0
    finally:
        close_all(listeners)


def test_the_core_gets_a_numeric_address() -> None:
    assert numeric_address("10.0.0.5", 8081) == "10.0.0.5:8081"
    assert numeric_address("::1", 8081) == "[::1]:8081"
    assert numeric_address("localhost", 8081) in ("127.0.0.1:8081", "[::1]:8081")


def test_the_backlog_is_deep() -> None:
    assert LISTEN_BACKLOG == 4096


def test_an_inner_port_at_its_default_gives_way_and_a_chosen_one_does_not(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PortTaken, match="TOLLWAY_NODE_PORT"):
        choose_ports(load_settings({"node_port": taken, "control_port": 0}, environ={}), demo=False)
    monkeypatch.setattr("tollway.serve.commands.SIMULATOR_PORT", taken)
    ports = choose_ports(load_settings({"node_port": 0, "control_port": 0}, environ={}), demo=True)
    assert ports.simulator not in (taken, None)
    assert len({ports.control, ports.node, ports.simulator, 0}) == 4
    assert Settings().control_port == 8081
