"""The process itself: it serves, says so honestly when the database is away, and lets running requests end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.api.conftest import OPERATOR_TOKEN

pytestmark = pytest.mark.integration

WAIT_S = 30
LINGER_S = 1.5
PROGRAM = (
    "import sys; from tollway import logs; logs.setup('control');"
    "from tollway.settings import load_settings; from tollway.control_app import serve; serve(load_settings())"
)
OPERATOR = {"authorization": f"Bearer {OPERATOR_TOKEN}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(data: Path, **env: str) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.subprocess.Process]]:
    """A control process of its own, up when its log says so."""
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)} | {
        f"TOLLWAY_{name.upper()}": value
        for name, value in (
            {"data_dir": str(data), "control_port": str(port), "admin_token": OPERATOR_TOKEN} | env
        ).items()
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, env=environ, cwd=data, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            await asyncio.wait_for(until_log(process, "msg=serving"), WAIT_S)
            await asyncio.wait_for(until_up(client), WAIT_S)
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110  (what another process does gives no event to await)
        await asyncio.sleep(0)


def sockets_at(port: int) -> list[list[str]]:
    """Rows of /proc/net/tcp whose local end is this port: [2] is state, [3] the bytes sent and received unread."""
    rows = [line.split()[1:] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if row[0].endswith(f":{port:04X}")]


def unread_bytes(port: int) -> int:
    return sum(int(row[3].partition(":")[2], 16) for row in sockets_at(port) if row[2] == "01")


def listening(port: int) -> bool:
    return any(row[2] == "0A" for row in sockets_at(port))


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def until_log(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stderr is not None
    while text.encode() not in (line := await process.stderr.readline()):
        assert line, "the process ended"


async def until_up(client: httpx.AsyncClient) -> None:
    while True:
        try:
            await client.get("/")
        except httpx.ConnectError:
            await asyncio.sleep(0)
        else:
            return


async def test_it_is_one_process(tmp_path: Path) -> None:
    async with served(tmp_path) as (client, process):
        assert (await client.get("/api/me", headers=OPERATOR)).status_code == 200
        assert children_of(process.pid) == [], "nothing is left behind by SIGKILL"


async def test_sigterm_lets_running_requests_end(tmp_path: Path) -> None:
    """Changes wait for the database's writer lock, which this test holds; SIGTERM comes; the lock is let go."""
    async with served(tmp_path) as (client, process):
        port = client.base_url.port
        assert port is not None
        lock = sqlite3.connect(tmp_path / "tollway.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for n, (_, writer) in enumerate(streams):
            body = b'{"name": "g%d"}' % n
            head = f"POST /api/admin/groups HTTP/1.1\r\nhost: x\r\nauthorization: {OPERATOR['authorization']}\r\n"
            writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        await asyncio.wait_for(until(lambda: unread_bytes(port) == 0), WAIT_S)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(until(lambda: not listening(port)), WAIT_S)
        with pytest.raises(TimeoutError):  # it stays for as long as something runs, far beyond what an idle one takes
            await asyncio.wait_for(process.wait(), LINGER_S)
        lock.execute("ROLLBACK")
        lock.close()
        answers = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in streams)), WAIT_S)
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 201"] * 4
        for _, writer in streams:
            writer.close()
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0
    async with served(tmp_path) as (client, _):
        groups = (await client.get("/api/admin/groups", headers=OPERATOR)).json()["data"]
        assert [row["name"] for row in groups] == ["default", "g0", "g1", "g2", "g3"]


async def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    async with served(tmp_path, dsn=f"postgresql://nobody@127.0.0.1:{free_port()}/none") as (client, process):
        page = await client.get("/docs")
        assert page.status_code == 503
        assert "The database cannot be reached" in page.text
        for path in ("/api/me", "/api/admin/accounts"):
            answer = await client.get(path, headers=OPERATOR)
            assert answer.status_code == 503
            assert answer.json()["code"] == "unavailable"
            assert int(answer.headers["retry-after"]) > 0
        for path in ("/api/docs", "/api/openapi.json"):
            assert (await client.get(path)).status_code == 200, path
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TOLLWAY_DATA_DIR": str(tmp_path),
            "TOLLWAY_CONTROL_PORT": str(taken.getsockname()[1]),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, env=environ, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == 1
    assert b"control_port" in errors
