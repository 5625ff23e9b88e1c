"""The node API: what Robyn serves on loopback.

Decides the routes and who may call which: status and health are for anyone (the public listener forwards them), intake
and drain need the installation's node token, test hooks exist only with TOLLWAY_TEST_HOOKS=1. Handlers only translate;
the decisions are in status, intake and life. No handler blocks the loop: the core is called in an executor.
"""

from __future__ import annotations

import ctypes
import hmac
import logging
import threading
from dataclasses import dataclass, field

from robyn import Request, Response, Robyn

from tollway.node.intake import Answer, Intake
from tollway.node.life import EPOCH_HEADER, Life
from tollway.node.metrics import CONTENT_TYPE, Metrics
from tollway.node.status import StatusBoard, base_url, encode
from tollway.settings import Settings

TOKEN_HEADER = "x-tollway-node-token"  # noqa: S105  # the name of a header
HOLD_GIL_MS_MAX = 10_000
WITNESS_MS = 10
_JSON = "application/json"
_log = logging.getLogger(__name__)


class _Witness(threading.Thread):
    """Counts how often another thread gets to run Python."""

    def __init__(self) -> None:
        super().__init__(name="witness", daemon=True)
        self._stopped = threading.Event()
        self._ran = 0

    def run(self) -> None:
        while not self._stopped.wait(WITNESS_MS / 1000):
            self._ran += 1

    def stop(self) -> int:
        ran = self._ran
        self._stopped.set()
        return ran


@dataclass(slots=True)
class NodeApi:
    """The handlers and what they need. `intake` is set once the event loop runs."""

    settings: Settings
    token: str
    epoch: int
    board: StatusBoard
    metrics: Metrics
    life: Life
    intake: Intake | None = field(default=None)

    def register(self, app: Robyn) -> None:
        app.exception(self._failed)
        app.add_route("GET", "/api/status", self.status)
        app.add_route("GET", "/healthz", self.healthz)
        app.add_route("GET", "/readyz", self.readyz)
        app.add_route("GET", "/metrics", self.metrics_text)
        app.add_route("POST", "/node/snapshot", self.snapshot)
        app.add_route("POST", "/node/drain", self.drain)
        if self.settings.test_hooks:
            app.add_route("POST", "/__test/hold-gil", self.hold_gil)

    async def status(self, request: Request) -> Response:
        """Public: how this gateway and its models do."""
        return self._answer(200, self.board.compose(base_url(self.settings, request.headers.get)))

    async def healthz(self) -> Response:
        """The process lives."""
        return self._answer(200, encode({"ok": True}))

    async def readyz(self) -> Response:
        """Traffic may be sent here."""
        if self.board.ready:
            return self._answer(200, encode({"ready": True}))
        reason = "draining" if self.board.draining else "no_snapshot"
        return self._answer(503, encode({"ready": False, "reason": reason}))

    async def metrics_text(self) -> Response:
        """Prometheus text."""
        return self._answer(200, self.metrics.render(), CONTENT_TYPE)

    async def snapshot(self, request: Request) -> Response:
        """A snapshot or delta from the control plane."""
        if refused := self._unauthorized(request):
            return refused
        if self.intake is None:
            return self._answer(503, encode({"code": "unavailable", "message": "starting; retry"}))
        body = request.body  # `str` whenever the bytes happen to be UTF-8
        answer: Answer = await self.intake.take(body.encode() if isinstance(body, str) else bytes(body))
        return self._answer(answer.status, answer.body)

    async def drain(self, request: Request) -> Response:
        """Like the first SIGTERM."""
        if refused := self._unauthorized(request):
            return refused
        self.life.begin_drain("asked by the node API")
        return self._answer(202, encode({"draining": True}))

    async def hold_gil(self, request: Request) -> Response:
        """Test hook: nobody in this process can run Python for `ms`; a thread that tries says how often it could."""
        text = request.query_params.get("ms", "") or ""
        if not text.isdigit() or int(text) > HOLD_GIL_MS_MAX:
            return self._answer(400, encode({"code": "bad_request", "message": f"ms: 0 to {HOLD_GIL_MS_MAX}"}))
        witness = _Witness()
        witness.start()
        ctypes.PyDLL(None).usleep(int(text) * 1000)  # PyDLL calls without releasing the GIL
        return self._answer(200, encode({"held_ms": int(text), "others_ran": witness.stop()}))

    def _unauthorized(self, request: Request) -> Response | None:
        given = request.headers.get(TOKEN_HEADER) or ""
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return None
        message = f"the header {TOKEN_HEADER} is missing or not this installation's"
        return self._answer(401, encode({"code": "unauthorized", "message": message}))

    def _failed(self, error: Exception) -> Response:
        _log.error("node API handler failed", exc_info=error)
        return self._answer(500, encode({"code": "internal", "message": "a defect of ours; see the gateway's log"}))

    def _answer(self, status: int, body: bytes, content_type: str = _JSON) -> Response:
        headers = {"content-type": content_type, "cache-control": "no-store", EPOCH_HEADER: str(self.epoch)}
        return Response(status_code=status, headers=headers, description=body)
