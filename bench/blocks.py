"""One block of load, and comparisons made of blocks.

Decides what a block must be to count: every request sent was answered whole and as expected, before, in and after the
window. A block that fails so ends the run: a figure from a system that drops requests is not a figure. The books agree
too: what a gateway was sent and served must come back as that many acknowledged rows.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field

from bench.processes import BENCH, LOAD_CPU, Bed, Target, pinned
from bench.ratios import Gate, Spread, order, paired, per_unit

BLOCK_WAIT_S = 180
BOOKS_WAIT_S = 30


class Failed(Exception):
    """A measurement that must not be believed, and why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, and how."""

    model: str
    connections: int
    body_bytes: int = 1_000
    stream: bool = False
    warmup_ms: int = 400
    ramp_ms: int = 0
    expect: int = 200
    rate: float | None = None
    key: str | None = None  # instead of the target's own keys
    key_step: int | None = None

    def options(self, target: Target, seconds: float) -> list[str]:
        given: list[object] = ["--to", target.address, "--model", target.prefix + self.model]
        given += ["--connections", self.connections, "--body-bytes", self.body_bytes, "--seconds", seconds]
        given += ["--warmup-ms", self.warmup_ms, "--ramp-ms", self.ramp_ms, "--expect", self.expect]
        given += ["--stream", "true"] if self.stream else []
        given += ["--rate", self.rate] if self.rate else []
        given += ["--key-step", self.key_step] if self.key_step else []
        return [*map(str, given), *(["--key", self.key] if self.key else target.caller())]


@dataclass(frozen=True, slots=True)
class Block:
    """What the load generator saw in its window."""

    seconds: float
    requests: int
    events: int
    cpu_ns: dict[str, int]
    latency_us: dict[str, int]

    def busy(self, who: str) -> float:
        """Share of one processor."""
        return self.cpu_ns[who] / 1e9 / self.seconds


@dataclass(slots=True)
class Runner:
    """Runs blocks and keeps the books of what the gateways were sent."""

    bed: Bed
    served: int = 0
    blocks: int = 0
    sent: int = 0

    def block(self, target: Target, load: Load, seconds: float) -> Block:
        """One block. Failed when a request failed."""
        watch = [f"sut={','.join(map(str, target.pids))}", f"mock={self.bed.mock_pid},{self.bed.control_pid}"]
        options = [word for group in watch for word in ("--watch", group)]
        command = pinned(LOAD_CPU, BENCH, "load", *load.options(target, seconds), *options)
        done = subprocess.run(command, capture_output=True, text=True, timeout=BLOCK_WAIT_S, check=False)
        if done.returncode != 0:
            raise Failed(f"{target.name}, {load.model}: {done.stderr.strip()}")
        said = json.loads(done.stdout)
        self.blocks += 1
        self.sent += said["sent"]
        if target.keys and load.expect == 200:
            self.served += said["sent"]
        if said["errors"] or said["completed"] != said["sent"]:
            raise Failed(
                f"{target.name}, {load.model}: {said['errors']} errors, "
                f"{said['completed']} of {said['sent']} answered; first: {said['first_error']}"
            )
        return Block(said["seconds"], said["requests"], said["events"], said["cpu_ns"], said["latency_us"])

    def held(self, streams: int) -> None:
        """Streams that were opened on a gateway outside a block: each is a request to be reported."""
        self.served += streams

    def check_books(self) -> None:
        """Waits until as many rows are acknowledged as requests were served. Failed when that does not come to be."""
        deadline_s = time.monotonic() + BOOKS_WAIT_S
        while (rows := self.bed.counts()["rows"]) != self.served:
            if time.monotonic() > deadline_s or rows > self.served:
                raise Failed(f"{self.served} requests were served, {rows} rows reported and acknowledged")
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the report. `legs` holds the figures of A and of B, or of what was measured alone in B."""

    work: str
    a: str
    b: str
    result: str
    gate: str
    verdict: str
    missed: bool = False
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two legs under the same load, compared by processor time per request or per event."""

    work: str
    a: Target
    b: Target
    load_a: Load
    load_b: Load
    gate: Gate
    unit: str = "request"
    seconds: float = 2.5
    cycles: int = 4

    def run(self, runner: Runner) -> Line:
        legs = order(self.cycles)
        costs: list[float] = []
        blocks: list[Block] = []
        for leg in legs:
            target, load = (self.a, self.load_a) if leg == "A" else (self.b, self.load_b)
            block = runner.block(target, load, self.seconds)
            units = block.events if self.unit == "chunk" else block.requests
            costs.append(per_unit(block.cpu_ns["sut"], units))
            blocks.append(block)
        runner.check_books()
        ratio = Spread.of(paired(legs, costs))
        figures = {leg: self._leg(leg, legs, costs, blocks) for leg in "AB"}
        return Line(
            work=self.work,
            a=figures["A"],
            b=figures["B"],
            result=f"**{ratio.median:.2f}x** [{ratio.low:.2f}..{ratio.high:.2f}], {ratio.count} pairs",
            gate=f"<= {self.gate.first:g}x / <= {self.gate.final:g}x",
            verdict=self.gate.verdict(ratio.median),
            missed=self.gate.missed(ratio.median),
            remarks=self._remarks(legs, blocks),
        )

    def _leg(self, leg: str, legs: list[str], costs: list[float], blocks: list[Block]) -> str:
        cost = Spread.of([value for at, value in zip(legs, costs, strict=True) if at == leg])
        own = [block for at, block in zip(legs, blocks, strict=True) if at == leg]
        rates = [(block.events if self.unit == "chunk" else block.requests) / block.seconds for block in own]
        busy = Spread.of([block.busy("sut") for block in own]).median
        return f"{cost.median:.1f} us, {Spread.of(rates).median / 1000:.1f}k/s, {100 * busy:.0f} % busy"

    def _remarks(self, legs: list[str], blocks: list[Block]) -> list[str]:
        remarks = []
        for leg in "AB":
            own = [block for at, block in zip(legs, blocks, strict=True) if at == leg]
            busy = Spread.of([block.busy("sut") for block in own]).median
            other = Spread.of([block.busy("load") + block.busy("mock") for block in own]).median
            if busy < 0.9 and other > 0.9:
                remarks.append(
                    f"{self.work}: in leg {leg} load and upstream were the limit ({100 * other:.0f} % of their "
                    f"processor), the system under test was {100 * busy:.0f} % busy."
                )
        return remarks
