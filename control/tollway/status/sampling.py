"""Looks once a minute whether gateways are heard of, and adds what it found to the hour's counts.

An hour in which nobody looked (the control plane was stopped, its database away) has no samples: it is unknown and
stays so. Before the first gateway ever said hello there is nothing to find, so nothing is noted.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import delete, select

from tollway.db.engine import Database, ReadTx, WriteTx
from tollway.db.tables import NodeRow, StatusHourRow
from tollway.db.upsert import upsert
from tollway.errors import Unavailable

SAMPLE_S: Final = 60.0
KEPT: Final = timedelta(days=31)
# A process that fell silent without a word makes the gateway degraded for so long; after that it is simply gone.
SILENT: Final = timedelta(minutes=10)
_STOP_S_MAX: Final = 5.0

Found = Literal["up", "degraded", "down"]
_log = logging.getLogger("tollway.status")


async def look(tx: ReadTx, node_seen: timedelta) -> Found | None:
    """What the gateway is now: up while every process that lives was heard of within `node_seen`, degraded while only
    some were, down while none was. None before the first hello ever.
    """
    wanted = select(NodeRow.last_seen_at).where(NodeRow.state == "up", NodeRow.last_seen_at >= tx.now - SILENT)
    heard = [at >= tx.now - node_seen for at in await tx.session.scalars(wanted)]
    if any(heard):
        return "up" if all(heard) else "degraded"
    known = await tx.session.scalar(select(NodeRow.id).limit(1))
    return "down" if known is not None else None


async def sample(tx: WriteTx, node_seen: timedelta) -> None:
    """Note one look, and drop the hours that are older than a month."""
    found = await look(tx, node_seen)
    if found is None:
        return
    hour = tx.now.replace(minute=0, second=0, microsecond=0)
    counts = dict.fromkeys(("up", "degraded", "down"), 0) | {found: 1}
    first = upsert(tx, StatusHourRow).values(hour=hour, **counts)
    column = getattr(StatusHourRow, found)
    await tx.session.execute(first.on_conflict_do_update(index_elements=["hour"], set_={found: column + 1}))
    await tx.session.execute(delete(StatusHourRow).where(StatusHourRow.hour < tx.now - KEPT))


class Sampler:
    """`async with Sampler(…):` looks every `every_s`, first after that time: a gateway that starts with us says hello
    in the meantime.
    """

    def __init__(self, db: Database, *, node_seen_ms: int, every_s: float = SAMPLE_S) -> None:
        self._db = db
        self._node_seen = timedelta(milliseconds=node_seen_ms)
        self._every_s = every_s
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Sampler:
        self._task = asyncio.create_task(self._run(), name="sampler")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        # A query that is cut off leaves its connection in an unknown state, so it may end by itself.
        self._stopped.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_STOP_S_MAX)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not await self._stops_within(self._every_s):
            try:
                async with self._db.write_tx() as tx:
                    await sample(tx, self._node_seen)
            except Unavailable:
                pass  # the database is away: nobody looked, and nothing is noted
            except Exception:  # noqa: BLE001  (whatever it is, the next look may go well)
                _log.exception("a sample of the gateway's state could not be noted; the next one follows")

    async def _stops_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return False
        return True
