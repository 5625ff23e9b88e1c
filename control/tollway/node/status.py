"""What the node says about itself: `/api/status`, `/healthz`, `/readyz`.

Decides `up`, `degraded` and `down` from the core's figures, and that composing an answer costs one small JSON decode
per STATUS_CACHE_MS at most, whoever polls. Shows names of models and rates, never an upstream, an account or a secret.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tollway import __version__, proxies
from tollway.settings import Settings

STATUS_CACHE_MS = 100
STATUS_WINDOW_SECONDS = 300
# With no control plane for so long, what we know may be out of date.
SNAPSHOT_STALE_MS = 30_000
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")

State = Literal["up", "degraded", "down", "unknown"]


class ModelFigures(msgspec.Struct):
    """One model as the core counts it, over the last STATUS_WINDOW_SECONDS."""

    name: str
    state: State = "unknown"
    requests: int = 0
    success_rate: float | None = None
    ttft_ms_p50: float | None = None


class CoreStatus(msgspec.Struct):
    """`Core.status()`. Fields a newer core adds are ignored."""

    generation: int = 0
    snapshot_age_ms: int | None = None
    draining: bool = False
    in_flight: int = 0
    connections: int | None = None
    models: list[ModelFigures] = []
    counters: dict[str, Any] = {}


class ModelStatus(msgspec.Struct):
    name: str
    state: State
    success_rate: float | None
    ttft_ms_p50: float | None
    window_seconds: int = STATUS_WINDOW_SECONDS


class NodeStatus(msgspec.Struct):
    """The body of `GET /api/status` (control-api.md), plus `draining`."""

    status: State
    version: str
    started_at: str
    uptime_seconds: int
    base_url: str
    generation: int
    snapshot_age_seconds: float | None
    draining: bool
    models: list[ModelStatus]


_decode = msgspec.json.Decoder(CoreStatus).decode
encode = msgspec.json.Encoder().encode


def overall(core: CoreStatus) -> State:
    """`down` when nothing can be served, `degraded` when some of it cannot or may be out of date."""
    states = [model.state for model in core.models]
    if core.generation == 0 or (states and all(state == "down" for state in states)):
        return "down"
    # While the control plane answers, what it has not replaced is current, however old it is.
    cut_off = core.counters.get("control_link_up") != 1
    if "down" in states or (cut_off and (core.snapshot_age_ms or 0) > SNAPSHOT_STALE_MS):
        return "degraded"
    return "up"


def base_url(settings: Settings, header: Callable[[str], str | None]) -> str:
    """The address to put into an SDK: the configured one, else the one this caller used, as a trusted proxy or the core
    tells it, if it reads as a host; else the one the gateway listens on.
    """

    def told(name: str) -> str:
        return proxies.told(header(name) or "", header("x-forwarded-for") or "", settings.trusted_proxies)

    if not settings.public_url:
        for host in (told("x-forwarded-host"), header("host") or ""):
            if _HOST.fullmatch(host):
                return f"{'https' if told('x-forwarded-proto') == 'https' else 'http'}://{host}/v1"
    return f"{settings.base_url}/v1"


class StatusBoard:
    """The core's figures, read at most every STATUS_CACHE_MS, and what follows from them."""

    def __init__(self, read: Callable[[], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._started = clock()
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._cached: CoreStatus | None = None
        self._cached_at = 0.0
        self.draining = False

    def core(self) -> CoreStatus:
        """The core's status, at most STATUS_CACHE_MS old."""
        now = self._clock()
        if self._cached is None or (now - self._cached_at) * 1000 >= STATUS_CACHE_MS:
            self._cached, self._cached_at = _decode(self._read()), now
        return self._cached

    def forget(self) -> None:
        """Something changed (a snapshot was taken): the next look asks the core again."""
        self._cached = None

    @property
    def ready(self) -> bool:
        """Whether traffic may be sent here: a snapshot to serve from, and not on the way out."""
        return not self.draining and self.core().generation > 0

    def compose(self, url: str) -> bytes:
        core = self.core()
        return encode(
            NodeStatus(
                status=overall(core),
                version=__version__,
                started_at=self._started_at,
                uptime_seconds=int(self._clock() - self._started),
                base_url=url,
                generation=core.generation,
                snapshot_age_seconds=None if core.snapshot_age_ms is None else round(core.snapshot_age_ms / 1000, 3),
                draining=self.draining or core.draining,
                models=[ModelStatus(m.name, m.state, m.success_rate, m.ttft_ms_p50) for m in core.models],
            )
        )
