"""Pushes snapshots to the gateway nodes: at once after a commit, again while a node is behind, whole when a delta
won't do.

Which nodes there are is read from the table of hellos, so any number of control processes may push; a node takes the
newest and refuses the rest, and nothing is lost by being told twice. One push per node at a time; a change that comes
meanwhile is seen when the push ends.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx
import msgspec
from sqlalchemy import select, update

from tollway.crypto import Vault
from tollway.db.engine import Database
from tollway.db.tables import NodeRow, RevisionRow, utc_now
from tollway.errors import Unavailable
from tollway.snapshot.build import build_delta, build_full, current_generation

TOKEN_HEADER: Final = "x-tollway-node-token"  # noqa: S105  (a header's name)
PUSHES_MAX: Final = 8
STOP_SECONDS_MAX: Final = 1.0
NODES_MAX: Final = 256
# A snapshot is kept in memory for the nodes that need the same one; few bases are in use at once.
_CACHED_MAX: Final = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """One gateway process as the table knows it."""

    node_id: str
    epoch: int
    address: str
    generation: int


class _Refusal(msgspec.Struct):
    """A node's 409 or 422."""

    code: str = ""
    generation: int = 0
    message: str = ""


class Publisher:
    """One per control process. `async with publisher:` runs it; `wake()` tells it that something may have changed."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        node_token: str,
        *,
        push_ms: int = 10_000,
        retry_ms: int = 500,
        node_seen_ms: int = 10_000,
    ) -> None:
        self._db = db
        self._vault = vault
        self._retry_s = retry_ms / 1000
        self._node_seen = timedelta(milliseconds=node_seen_ms)
        self._client = httpx.AsyncClient(
            headers={TOKEN_HEADER: node_token},
            timeout=httpx.Timeout(push_ms / 1000, connect=min(2.0, push_ms / 1000)),
            limits=httpx.Limits(max_connections=PUSHES_MAX, max_keepalive_connections=PUSHES_MAX),
            trust_env=False,  # nodes are on loopback or a private network: never through a proxy
            follow_redirects=False,
        )
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(PUSHES_MAX)
        self._building = asyncio.Lock()
        self._cache: dict[tuple[int, int], tuple[int, bytes]] = {}
        self._pushing: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._reached: dict[tuple[str, int], int] = {}
        self._not_before: dict[tuple[str, int], float] = {}
        self._stopping = False
        self._targets: dict[tuple[str, int], Target] = {}
        self._told = asyncio.Condition()
        self._main: asyncio.Task[None] | None = None
        db.on_change(lambda _generation: self.wake())

    async def __aenter__(self) -> Publisher:
        self._main = asyncio.create_task(self._run(), name="publisher")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        # Let what is under way end by itself: a query that is cut off leaves its connection in an unknown state.
        # Pushes to nodes that do not answer are not waited for.
        self._stopping = True
        self.wake()
        tasks = {task for task in (self._main, *self._pushing.values()) if task is not None}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def wake(self) -> None:
        """Look again now: a commit, or a hello from a node that is behind."""
        self._wake.set()

    async def reached(self, generation: int, wait_ms: int) -> bool:
        """Waits until every node that was seen lately has this generation, so that who made a change can act on it.

        False when that takes longer than `wait_ms`: a node that is away must not hold up those who write.
        """
        try:
            async with asyncio.timeout(wait_ms / 1000), self._told:
                await self._told.wait_for(lambda: self._all_have(generation))
        except TimeoutError:
            return False
        return True

    def _all_have(self, generation: int) -> bool:
        known = ((key, target.generation) for key, target in self._targets.items())
        return all(max(self._reached.get(key, 0), said) >= generation for key, said in known)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                await self._look()
            except Unavailable:
                pass  # the database is away: nodes go on with what they have, and so do we
            except Exception:  # noqa: BLE001  (whatever it is, the next look may go well)
                _log.exception("the publisher could not look for nodes; it goes on")
            # Other processes commit as well (command line, more controls): look again without being told.
            try:
                await asyncio.wait_for(self._wake.wait(), self._retry_s)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        """Start a push for each node that is behind and is not being pushed to."""
        async with self._db.read_tx() as tx:
            generation = await current_generation(tx)
            seen = select(NodeRow.id, NodeRow.epoch, NodeRow.address, NodeRow.generation).where(
                NodeRow.state == "up", NodeRow.address != "", NodeRow.last_seen_at > utc_now() - self._node_seen
            )
            newest = seen.order_by(NodeRow.last_seen_at.desc()).limit(NODES_MAX)
            targets = [Target(*row) for row in await tx.session.execute(newest)]
        self._targets = {(target.node_id, target.epoch): target for target in targets}
        present = self._targets.keys()
        for memory in (self._reached, self._not_before):
            for key in memory.keys() - present:
                del memory[key]
        now = asyncio.get_running_loop().time()
        for target in targets:
            key = (target.node_id, target.epoch)
            has = max(self._reached.get(key, 0), target.generation)
            if has == generation or key in self._pushing or self._not_before.get(key, 0) > now:
                continue
            task = asyncio.create_task(self._push(key, target.address, has), name=f"push {target.node_id}")
            self._pushing[key] = task

    async def _push(self, key: tuple[str, int], address: str, has: int) -> None:
        well = False
        try:
            async with self._slots:
                well = await self._bring_up_to_date(key, address, has)
        except (httpx.HTTPError, httpx.InvalidURL, Unavailable) as exc:
            _log.warning("snapshot not pushed to %s at %s: %s", key[0], address, type(exc).__name__)
        except Exception:  # noqa: BLE001  (one node must not end the others' pushes)
            _log.exception("snapshot not pushed to %s at %s", key[0], address)
        finally:
            if not well:
                self._not_before[key] = asyncio.get_running_loop().time() + self._retry_s * 0.9
            del self._pushing[key]
            async with self._told:
                self._told.notify_all()
            if well:
                self.wake()  # something may have been committed while this was under way

    async def _bring_up_to_date(self, key: tuple[str, int], address: str, has: int) -> bool:
        for base in (has, 0) if has else (0,):
            generation, body = await self._snapshot(base)
            answer = await self._client.post(
                f"http://{address}/node/snapshot", content=body, headers={"content-type": "application/msgpack"}
            )
            if answer.status_code == httpx.codes.OK:
                self._reached[key] = generation
                return True
            refusal = _read_refusal(answer)
            if answer.status_code != httpx.codes.CONFLICT:
                _log.error("%s refused generation %d: %s %s", key[0], generation, answer.status_code, refusal.message)
                return False
            if refusal.generation >= generation:
                self._reached[key] = refusal.generation
                return await self._overtake(refusal.generation)
        return False

    async def _overtake(self, theirs: int) -> bool:
        """A node has a newer generation than we sent. Fine when somebody else pushed it; when the database has not even
        come that far (it was restored from a backup), leave that number behind, or the node would refuse us for ever.
        """
        async with self._db.read_tx() as read:
            if await current_generation(read) >= theirs:
                return True
        async with self._db.write_tx() as tx:
            behind = update(RevisionRow).where(RevisionRow.generation <= theirs).values(generation=theirs + 1)
            await tx.session.execute(behind.execution_options(synchronize_session=False))
        _log.warning("nodes knew generation %d, which this database had not reached; it goes on from there", theirs)
        return True

    async def _snapshot(self, base: int) -> tuple[int, bytes]:
        """The newest snapshot for nodes at `base` (0: whole), built once for all that need it."""
        async with self._building, self._db.read_tx() as tx:
            generation = await current_generation(tx)
            cached = self._cache.get((generation, base))
            if cached is not None:
                return cached
            body = await build_delta(tx, self._vault, base) if base else None
            if body is None:
                body = await build_full(tx, self._vault)
            self._cache = {key: value for key, value in self._cache.items() if key[0] == generation}
            if len(self._cache) < _CACHED_MAX:
                self._cache[(generation, base)] = (generation, body)
            return generation, body


def _read_refusal(answer: httpx.Response) -> _Refusal:
    try:
        return msgspec.json.decode(answer.content, type=_Refusal)
    except msgspec.MsgspecError:
        return _Refusal()
