"""Load from a few keep-alive connections, each request noted: when it began and what came of it.

Decides that nothing is retried or forgiven: a request that was begun and got no whole answer is a failure. A connection
that the server said it closes, or that it has closed while nothing was asked, is replaced, as every client does.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import until

ANSWER_S = 30.0
STOP_S = 60.0
# Between two requests of a thread: a load that leaves the two processors of a test machine room for what it is about.
PAUSE_S = 0.004


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: status 0 is a request without a whole answer, and `why` says what happened."""

    began: float
    ended: float
    status: int
    why: str = ""


def chat_request(key: str, model: str, **more: Any) -> bytes:
    """A whole request head and body."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]} | more).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One client connection that speaks as much HTTP as our answers need: a head, and a body of a told length."""

    def __init__(self, port: int, timeout_s: float = ANSWER_S) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._buffer = b""

    def ask(self, request: bytes) -> int:
        """The status of the answer; ConnectionError or TimeoutError without a whole one."""
        connected = self._connected()
        connected.sendall(request)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._fill(connected)
        head = self._buffer[:end].lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        while len(self._buffer) < end + 4 + length:
            self._fill(connected)
        self._buffer = self._buffer[end + 4 + length :]
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12])

    @property
    def is_open(self) -> bool:
        """False before the first request, and after an answer that closed it."""
        return self._socket is not None

    def _connected(self) -> socket.socket:
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()  # readable while nothing was asked: the server has closed it
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _fill(self, connected: socket.socket) -> None:
        got = connected.recv(65_536)
        if not got:
            raise ConnectionError(f"the connection ended after {len(self._buffer)} bytes of an answer")
        self._buffer += got

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""


class Load:
    """Runs while the `with` block does, or until each thread has sent `requests`."""

    def __init__(
        self,
        port: int,
        request: bytes,
        *,
        threads: int = 4,
        requests: int | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._port, self._request, self._requests, self._pause_s = port, request, requests, pause_s
        self._stop = threading.Event()
        self._outcomes: list[list[Outcome]] = [[] for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=(mine,), name=f"load {n}", daemon=True)
            for n, mine in enumerate(self._outcomes)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it after the requests under way."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Waits until all is sent, or it was told to stop."""
        for thread in self._threads:
            thread.join(STOP_S)
            assert not thread.is_alive(), "a load thread hangs"

    def outcomes(self) -> list[Outcome]:
        """All so far, in order of their beginning."""
        return sorted((o for mine in self._outcomes for o in list(mine)), key=lambda outcome: outcome.began)

    def failures(self, but: Sequence[int] = (200,)) -> list[Outcome]:
        return [outcome for outcome in self.outcomes() if outcome.status not in but]

    def count(self) -> int:
        return sum(len(mine) for mine in self._outcomes)

    def more(self, count: int = 50, within_s: float = 15.0) -> None:
        """Waits until `count` more requests have ended that began from now on."""
        now = time.monotonic()
        until(
            lambda: sum(o.began >= now for mine in self._outcomes for o in mine[-count:]) >= count,
            f"{count} more requests",
            within_s,
        )

    def _run(self, mine: list[Outcome]) -> None:
        connection = Connection(self._port)
        with contextlib.closing(connection):
            while not self._stop.is_set() and (self._requests is None or len(mine) < self._requests):
                began = time.monotonic()
                try:
                    status, why = connection.ask(self._request), ""
                except (OSError, ValueError) as error:
                    status, why = 0, repr(error)
                    connection.close()
                mine.append(Outcome(began, time.monotonic(), status, why))
                if self._pause_s:
                    self._stop.wait(self._pause_s)
