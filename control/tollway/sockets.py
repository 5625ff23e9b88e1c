"""The listening sockets of the public port: one per core thread, on one address, spread by the kernel (SO_REUSEPORT).

Decides that a port counts as taken when anybody listens on it, also when that somebody would share it: two gateways of
two installations on one port would each get half of the other's callers. `tollway serve` opens these once and keeps
them for its whole life, so a gateway can be replaced, or die, without a refused connection; `tollway gateway` opens its
own.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from tollway.errors import SettingsError

LISTEN_BACKLOG = 4096


class PortTaken(SettingsError):
    """Somebody else listens there. Names the address; the command line exits 2."""


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` listening sockets on `host:port`; port 0 lets the kernel choose one, the same for all of them."""
    family, address = _resolve(host, port)
    probe = _bind(family, address, reuse_port=False)  # fails when anybody listens, with SO_REUSEPORT or without
    if port != 0:
        probe.close()
    else:
        # The probe holds the number the kernel chose until the real sockets are bound beside it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        address = (address[0], probe.getsockname()[1], *address[2:])
    listeners: list[socket.socket] = []
    try:
        for _ in range(max(count, 1)):
            listener = _bind(family, address, reuse_port=True)
            listeners.append(listener)
            listener.listen(LISTEN_BACKLOG)
            listener.setblocking(False)
    except BaseException:
        close_all(listeners)
        raise
    finally:
        probe.close()
    return listeners


def close_all(listeners: Sequence[socket.socket]) -> None:
    """Closes this process's copies; the port is refused once no process holds one."""
    for listener in listeners:
        listener.close()


def bound_port(listener: socket.socket) -> int:
    """The port that callers reach."""
    return int(listener.getsockname()[1])


def free_port(host: str = "127.0.0.1") -> int:
    """A loopback port nobody uses now, for a listener that cannot tell which one it was given."""
    family, address = _resolve(host, 0)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(address)
        return int(probe.getsockname()[1])


def numeric_address(host: str, port: int) -> str:
    """`address:port` with the name resolved now, as the core wants it. SettingsError when the name is unknown."""
    family, address = _resolve(host, port)
    return f"[{address[0]}]:{port}" if family == socket.AF_INET6 else f"{address[0]}:{port}"


def require_free(host: str, port: int, setting: str) -> None:
    """Raises PortTaken, naming `setting`, when anybody listens on `host:port`."""
    family, address = _resolve(host, port)
    try:
        _bind(family, address, reuse_port=False).close()
    except PortTaken as error:
        raise PortTaken(f"port {port} on {host} is taken: choose another for {setting}") from error


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int] | tuple[str, int, int, int]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise SettingsError(f'"{host}" is no address and no name this machine can resolve') from error
    family, _, _, _, address = found[0]
    return int(family), address  # type: ignore[return-value]  # AF_INET and AF_INET6 only: (host, port[, flow, scope])


def _bind(family: int, address: tuple[str, int] | tuple[str, int, int, int], *, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # Sockets of a process that has just gone (TIME_WAIT) must not keep the port from its successor.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` serves IPv4 callers too
        sock.bind(address)
    except OSError as error:
        sock.close()
        host, port = address[0], address[1]
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} on {host} is taken: stop what listens there, or choose another with --port"
            ) from error
        if error.errno == errno.EACCES:
            raise SettingsError(f"port {port} needs privileges: choose one of 1024 or above with --port") from error
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return sock
