"""The control child: bring the database up to date, make what the first start needs, then serve.

Decides that migration, demo and set-up link come before the first request, in this process, which has the database
loaded anyway; the supervisor stays small and gets what it must show through the ready pipe, never through a log.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tollway import logs
from tollway.logs import event
from tollway.serve.demo import DemoUpstream, found
from tollway.serve.ready import say_ready
from tollway.settings import Settings

_log = logging.getLogger(__name__)


def run(settings: Settings, *, simulator_port: int | None, ready_fd: int | None) -> None:
    """Runs the control plane until it is told to leave. `simulator_port` is set in the demo only."""
    logs.setup("control")
    said = asyncio.run(_prepare(settings, simulator_port))
    say_ready(ready_fd, said)
    from tollway.control_app import serve

    serve(settings)


async def _prepare(settings: Settings, simulator_port: int | None) -> dict[str, Any]:
    from tollway.control_app import ensure_setup_link
    from tollway.db import Database, migrate

    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_dsn, wait_ms=settings.db_wait_ms)
    try:
        await migrate(database.engine)
        said: dict[str, Any] = {"setup_link": await ensure_setup_link(database, settings)}
        if simulator_port is not None:
            said |= await _seed(database, settings, simulator_port)
    finally:
        await database.close()
    return said


async def _seed(database: Any, settings: Settings, simulator_port: int) -> dict[str, Any]:
    from tollway.control_app.demo import seed_demo

    offers: list[DemoUpstream] = await asyncio.to_thread(found, settings)
    key = await seed_demo(database, settings, simulator_url=f"http://127.0.0.1:{simulator_port}/v1", upstreams=offers)
    event(_log, logging.INFO, "demo is set up", upstreams=[offer.name for offer in offers])
    simulated = {"name": "simulator", "why": "always there", "models": ["sim-chat", "sim-embed", "sim-image"]}
    others = [{"name": o.name, "why": o.why, "models": [m.name for m in o.models]} for o in offers]
    return {"key": key, "offers": [simulated, *others]}
