"""The public status: its shape, what makes it degraded or down, the address it tells, and that polling it is cheap."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tollway.node.core import refusal
from tollway.node.metrics import Metrics
from tollway.node.status import SNAPSHOT_STALE_MS, CoreStatus, ModelFigures, StatusBoard, base_url, overall
from tollway.settings import Settings

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.reads = 0
        self.figures: dict[str, Any] = {"generation": 7, "snapshot_age_ms": 400, "models": [], "counters": {}}

    def __call__(self) -> float:
        return self.now

    def read(self) -> bytes:
        self.reads += 1
        return json.dumps(self.figures).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> StatusBoard:
    return StatusBoard(clock.read, clock=clock)


def test_the_shape_is_the_contract(board: StatusBoard, clock: Clock) -> None:
    model = {"name": "m", "requests": 9, "success_rate": 0.998, "ttft_ms_p50": 312, "state": "up"}
    clock.figures |= {"models": [model], "new_in_a_later_core": 1}
    clock.now += 12.5
    body = json.loads(board.compose("https://host/v1"))
    assert body.pop("started_at").endswith("Z")
    assert body.pop("version").count(".") == 2
    assert body == {
        "status": "up", "uptime_seconds": 12, "base_url": "https://host/v1", "generation": 7,
        "snapshot_age_seconds": 0.4, "draining": False,
        "models": [{"name": "m", "state": "up", "success_rate": 0.998, "ttft_ms_p50": 312, "window_seconds": 300}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("generation", "age_ms", "states", "expected"),
    [
        (0, 0, [], "down"),
        (1, 0, [], "up"),
        (1, 0, ["up", "unknown"], "up"),
        (1, 0, ["up", "degraded"], "up"),
        (1, 0, ["up", "down"], "degraded"),
        (1, 0, ["down", "down"], "down"),
        (1, SNAPSHOT_STALE_MS, ["up"], "up"),
        (1, SNAPSHOT_STALE_MS + 1, ["up"], "degraded"),
        (1, SNAPSHOT_STALE_MS + 1, ["down"], "down"),
        (1, None, [], "up"),
    ],
)
def test_what_makes_it_degraded_or_down(generation: int, age_ms: int | None, states: list[Any], expected: str) -> None:
    models = [ModelFigures(f"m{i}", state) for i, state in enumerate(states)]
    assert overall(CoreStatus(generation=generation, snapshot_age_ms=age_ms, models=models)) == expected


def test_an_old_snapshot_is_current_while_the_control_plane_answers() -> None:
    for link_up, expected in ((1, "up"), (0, "degraded")):
        core = CoreStatus(generation=1, snapshot_age_ms=SNAPSHOT_STALE_MS + 1, counters={"control_link_up": link_up})
        assert overall(core) == expected


def test_the_core_is_asked_at_most_every_100_ms(board: StatusBoard, clock: Clock) -> None:
    for _ in range(50):
        board.compose("u")
        clock.now += 0.01
    assert clock.reads <= 6
    board.forget()
    before = clock.reads
    board.compose("u")
    assert clock.reads == before + 1


def test_readiness_needs_a_snapshot_and_ends_with_the_drain(board: StatusBoard, clock: Clock) -> None:
    seen = []
    for generation, draining in ((0, False), (1, False), (1, True)):
        clock.figures["generation"] = generation
        board.draining = draining
        board.forget()
        seen.append(board.ready)
    assert seen == [False, True, False]


PROXY = {"x-forwarded-for": "203.0.113.9, 10.0.0.7"}
TRUSTING = {"trusted_proxies": ("10.0.0.0/24",)}


@pytest.mark.parametrize(
    ("configured", "host", "forwarded_host", "proto", "more", "expected"),
    [
        ({"public_url": "https://api.example.org/"}, "y.example", "x.example", "http", {}, "https://api.example.org/v1"),
        ({}, "y.example", "x.example:443", "https", {}, "https://x.example:443/v1"),
        ({}, "127.0.0.1:8080", None, None, {}, "http://127.0.0.1:8080/v1"),
        ({}, "[::1]:8080", None, None, {}, "http://[::1]:8080/v1"),
        ({}, "127.0.0.1", 'evil"><script>', "https", {}, "https://127.0.0.1/v1"),
        ({}, "a b", None, "javascript", {}, "http://127.0.0.1:1/v1"),
        ({}, None, None, None, {}, "http://127.0.0.1:1/v1"),
        # A proxy's word stands before the core's own, and counts when the operator named the proxy.
        (TRUSTING, "y.example", "x.example, y.example", "https, http", PROXY, "https://x.example/v1"),
        (TRUSTING, "y.example", "evil.example, x.example, y.example", "http, https, http", PROXY, "https://x.example/v1"),
        (TRUSTING, "y.example", "y.example", "https, http", PROXY, "https://y.example/v1"),
        (TRUSTING, "y.example", "x.example, y.example", "http", PROXY, "http://x.example/v1"),
        (TRUSTING, "y.example", '"><script>, y.example', "https, http", PROXY, "https://y.example/v1"),
        ({}, "y.example", "x.example, y.example", "https, http", PROXY, "http://y.example/v1"),
        (TRUSTING, "y.example", "x.example, y.example", "https, http", {"x-forwarded-for": "10.0.0.7, 9.9.9.9"},
         "http://y.example/v1"),
        (TRUSTING | {"public_url": "https://api.example.org"}, "y.example", "x.example, y.example", "http, http", PROXY,
         "https://api.example.org/v1"),
    ],
)  # fmt: skip
def test_the_address_it_tells(
    configured: dict[str, Any],
    host: str | None,
    forwarded_host: str | None,
    proto: str | None,
    more: dict[str, str],
    expected: str,
) -> None:
    sent = {"host": host, "x-forwarded-host": forwarded_host, "x-forwarded-proto": proto} | more
    assert base_url(Settings(port=1, **configured), sent.get) == expected


def test_metrics_turn_maps_into_labels(board: StatusBoard, clock: Clock) -> None:
    clock.figures |= {"in_flight": 3, "counters": {"requests_total": {"chat|200|": 12, "chat|429|rate_limited": 2},
                      "journal_unacked": 5, "novel": {"a|b": 1},
                      "refused_total|code=no_key": 4,
                      "refused_total|code=no_model": 0, "connections": 9,
                      "bad name": 1}}  # fmt: skip
    text = Metrics(board, "node_X", 4).render().decode()
    assert 'tollway_requests_total{code="",endpoint="chat",status="200"} 12.0' in text
    assert 'tollway_requests_total{code="rate_limited",endpoint="chat",status="429"} 2.0' in text
    assert "# TYPE tollway_requests_total counter" in text
    assert "tollway_journal_unacked 5.0" in text
    assert 'tollway_novel{key="a|b"} 1.0' in text
    assert 'tollway_refused_total{code="no_key"} 4.0' in text
    assert text.count("# TYPE tollway_refused_total counter") == 1
    assert text.count("# TYPE tollway_connections gauge") == 1
    assert "bad name" not in text
    assert "tollway_in_flight 3.0" in text
    assert 'epoch="4",node="node_X"' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ('{"code":"generation_gap","generation":3}', 409, {"code": "generation_gap", "generation": 3}),
        ('{"code":"bad_snapshot","message":"row 3"}', 422, {"code": "bad_snapshot", "message": "row 3"}),
        ("not json", 422, {"code": "bad_snapshot", "message": "not json"}),
        ("[1]", 422, {"code": "bad_snapshot", "message": "[1]"}),
    ],
)
def test_a_refusal_keeps_the_cores_reason(text: str, status: int, body: dict[str, Any]) -> None:
    refused = refusal(ValueError(text))
    assert (refused.status, json.loads(refused.body)) == (status, body)
