"""A child of the supervisor, small: `stand_in_child.py ROLE DATA READY_FD [LISTEN_FDS]`.

Writes what happens to it to `DATA/events` (`ROLE PID WHAT`). As the gateway it answers each connection with its pid and
closes it; on SIGTERM it stops accepting, answers what it has accepted and leaves. `DATA/<ROLE>.exit` holds an exit code
to leave with at once; `DATA/<ROLE>.mute` keeps it from getting ready; `DATA/<ROLE>.deaf` makes it ignore SIGTERM; a
named pipe `DATA/<ROLE>.linger` is waited on last.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

role, data, ready_fd = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
leaving = False


def note(what: str) -> None:
    with (data / "events").open("a") as file:
        file.write(f"{role} {os.getpid()} {what}\n")


def on_term(_number: int, _frame: FrameType | None) -> None:
    global leaving
    note("term")
    leaving = not (data / f"{role}.deaf").exists()
    os.write(wake_write, b"x")


wake_read, wake_write = os.pipe()
signal.signal(signal.SIGTERM, on_term)
note("start")
if (code := data / f"{role}.exit").exists():
    sys.exit(int(code.read_text()))
listeners = [socket.socket(fileno=int(fd)) for fd in sys.argv[4].split(",")] if len(sys.argv) > 4 else []
if role == "control":
    listeners = [socket.create_server(("127.0.0.1", int((data / "control.port").read_text())))]
if not (data / f"{role}.mute").exists():
    if role == "gateway":
        (data / "run" / "gateway.pid").write_text(f"{os.getpid()}\n")
    note("ready")
    os.write(ready_fd, json.dumps({"role": role}).encode() + b"\n")
while not leaving:
    waited_for: list[int | socket.socket] = [wake_read, *listeners]
    readable, _, _ = select.select(waited_for, [], [])
    for listener in readable:
        if isinstance(listener, int):
            os.read(wake_read, 64)
            continue
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        connection.setblocking(True)
        connection.recv(65536)
        answer = str(os.getpid()).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
        connection.close()
for listener in listeners:
    listener.close()
if (data / f"{role}.linger").exists():
    note("linger")
    with (data / f"{role}.linger").open() as pipe:  # a named pipe: opening it waits for the test to write
        pipe.read()
note("end")
