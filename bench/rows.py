"""Which rows a report has: the work, its load, and its gates (design of the data path, first and final).

Decides the comparisons only; memory, snapshots, system calls and latency are in probes.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.blocks import Compared, Load
from bench.processes import Target
from bench.ratios import Gate

# One event of a paced stream comes every 20 ms; a stream lasts for 64 of them, and starts are spread over that time.
PACED = "sse-64-20000-250"
PACED_MS = 1_350
JSON_1K = Load("json-1k", connections=32)
UNKNOWN_KEY = "sk-tw-" + "0" * 49


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often."""

    seconds: float
    cycles: int
    paced_cycles: int


FULL = Effort(seconds=2.5, cycles=4, paced_cycles=3)
QUICK = Effort(seconds=0.7, cycles=2, paced_cycles=1)


def paced(streams: int) -> Load:
    return Load(PACED, connections=streams, stream=True, ramp_ms=PACED_MS, warmup_ms=PACED_MS + 150)


def against_nginx(nginx_json: Target, nginx_sse: Target, ours: Target, effort: Effort) -> list[Compared]:
    """The rows whose yardstick is nginx: leg A nginx, leg B the gateway with everything on."""

    def body(work: str, size: int, gate: Gate) -> Compared:
        load = Load("json-1k", connections=32, body_bytes=size)
        return Compared(work, nginx_json, ours, load, load, gate, "request", effort.seconds, effort.cycles)

    def stream(work: str, load: Load, cycles: int) -> Compared:
        return Compared(work, nginx_sse, ours, load, load, Gate(1.1, 0.85), "chunk", effort.seconds, cycles)

    back_to_back = Load("sse-64-0-250", connections=16, stream=True)
    return [
        body("JSON 1 KB in and out, 32 connections, per request", 1_000, Gate(1.0, 0.75)),
        body("JSON, request body 10 KB", 10_000, Gate(1.0, 0.7)),
        body("JSON, request body 100 KB", 100_000, Gate(1.0, 0.7)),
        stream("SSE back to back, 16 streams, per chunk", back_to_back, effort.cycles),
        stream("SSE at a 20 ms gap, 200 streams, per chunk", paced(200), effort.paced_cycles),
        stream("SSE at a 20 ms gap, 1,000 streams, per chunk", paced(1_000), effort.paced_cycles),
    ]


def refused(ours: Target, effort: Effort) -> Compared:
    """A key that does not exist, against the same request served. Leg A served, leg B refused."""
    unknown = Load("json-1k", connections=32, expect=401, key=UNKNOWN_KEY)
    work = "refused (401) against served, per request"
    return Compared(work, ours, ours, JSON_1K, unknown, Gate(0.4, 0.3), "request", effort.seconds, effort.cycles)


def growth(few: Target, many: Target, effort: Effort) -> Compared:
    """The same request with a thousand keys (leg A) and with a million (leg B)."""
    work = "1,000,000 keys against 1,000, per request"
    return Compared(work, few, many, JSON_1K, JSON_1K, Gate(1.05, 1.05), "request", effort.seconds, effort.cycles)
