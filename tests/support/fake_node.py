"""A gateway node as the publisher sees it: a real socket that takes snapshots, with faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

TOKEN = "node-token-node-token-node-token-0"
ANSWER_SECONDS_MAX = 10


@dataclass
class FakeNode:
    """Applies snapshots by the contract. `faults`: what to do with the next pushes instead."""

    address: str = ""
    generation: int = 0
    keys: set[bytes] = field(default_factory=set)
    pushes: list[list[Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reaches(self, generation: int) -> None:
        """Wait until the node has this generation (bounded)."""
        await self.until(lambda: self.generation == generation)

    async def until(self, holds: Any) -> None:
        """Wait until `holds()` (bounded); looked at after each push."""
        async with self.changed, asyncio.timeout(ANSWER_SECONDS_MAX):
            await self.changed.wait_for(holds)

    async def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        snapshot = msgspec.msgpack.decode(body)
        async with self.changed:
            self.pushes.append(snapshot)
            fault = self.faults.pop(0) if self.faults else ""
            answer = self._apply(snapshot, fault)
            self.changed.notify_all()
        return answer

    def _apply(self, snapshot: list[Any], fault: str) -> tuple[int, dict[str, Any]]:
        if fault == "bad":
            return 422, {"code": "bad_snapshot", "message": "on purpose"}
        if fault == "broken":
            return 500, {}
        generation, base = snapshot[1], snapshot[2]
        if (base and base != self.generation) or generation <= self.generation:
            return 409, {"code": "generation_gap", "generation": self.generation}
        if not base:
            self.keys.clear()
        self.keys |= {row[0] for row in snapshot[7]}
        self.keys -= set(snapshot[8])
        self.generation = generation
        return 200, {"generation": generation, "keys": len(self.keys), "apply_us": 1}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP/1.1 with keep-alive, as much of it as a push needs."""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            self.tokens.add(headers.get("x-tollway-node-token", ""))
            body = await reader.readexactly(int(headers["content-length"]))
            if self.faults and self.faults[0] == "reset":
                self.faults.pop(0)
                return
            status, answer = await self.take(body) if lines[0].startswith("POST /node/snapshot ") else (404, {})
            raw = msgspec.json.encode(answer)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw)
            await writer.drain()


@asynccontextmanager
async def loopback_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """`host:port` of a server that has no connection left when it is over."""
    running: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            running.discard(task)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)  # closed transports let go of their sockets in the loop's next turn


@asynccontextmanager
async def fake_node() -> AsyncIterator[FakeNode]:
    """A node on a free loopback port."""
    node = FakeNode()
    async with loopback_server(node.serve) as node.address:
        yield node
