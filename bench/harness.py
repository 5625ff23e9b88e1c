"""One whole run: what is started, in which order the rows come, and what ends it.

Decides the order for a reason: memory is read first, on fresh processes, because buffers that were used and given back
would hide what a stream takes; then the comparisons with nginx; then what needs more gateways; system calls last.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import probes, report, rows
from bench.blocks import Failed, Line, Runner
from bench.probes import KeySet
from bench.processes import BENCH, LOAD_CPU, ROOT, Bed, Target

MODELS = ("json-1k", "sse-64-0-250", rows.PACED, probes.IDLE_MODEL)
KEYS = 100_000
PER_ACCOUNT = 10
MANY_STREAMS = 9_000
# Client and upstream side of each stream, and some for everything else.
FILES_PER_STREAM = 2
ROWS = ("idle", "nginx", "refused", "delta", "apply", "growth", "calls")


@dataclass(frozen=True, slots=True)
class Plan:
    quick: bool
    effort: rows.Effort
    only: tuple[str, ...]

    def has(self, row: str) -> bool:
        return row in self.only


def main(arguments: list[str]) -> int:
    """0 when the run is whole, whatever the gates say; 1 when it is not; with --gate 3 when a first gate is missed."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes at most: shorter blocks, fewer pairs")
    parser.add_argument("--gate", action="store_true", help="exit 3 when a row misses its first gate")
    parser.add_argument("--only", action="append", choices=ROWS, help="these rows only; more than once")
    parser.add_argument("--keep", type=Path, help="folder for logs and data, kept; default: a temporary one")
    given = parser.parse_args(arguments)
    if not BENCH.exists():
        print(f"{BENCH} is missing: make bench builds it", file=sys.stderr)
        return 1
    if len(os.sched_getaffinity(0)) < 2:
        print("Two processors are needed: one for what is measured, one for what measures", file=sys.stderr)
        return 1
    effort = rows.QUICK if given.quick else rows.FULL
    plan = Plan(given.quick, effort, tuple(given.only or ROWS))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {int(LOAD_CPU)})  # what measures stays off the processor that is measured
    with alone(), tempfile.TemporaryDirectory(prefix="tollway-bench-") as temporary:
        folder = Path(given.keep or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        started_s, lines = time.monotonic(), []
        try:
            with Bed(folder) as bed:
                runner = Runner(bed)
                for line in measure(bed, runner, plan, hard):
                    print(f"{time.monotonic() - started_s:5.0f} s  {say(line)}", flush=True)
                    lines.append(line)
                facts = facts_of(runner, given.quick, time.monotonic() - started_s)
        except (Failed, RuntimeError, ValueError) as error:
            print(f"The run is not whole, so there is no report: {error}", file=sys.stderr)
            return 1
    # Only a whole run is a result; others are for whoever works on the data path.
    whole = not given.quick and not given.only
    print(report.write(lines, facts, ROOT / ("bench/results" if whole else "target/bench")))
    return 3 if given.gate and any(line.missed for line in lines) else 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits until no other run measures on this tree: two at once measure each other."""
    path = ROOT / "target/bench.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run is measuring; waiting for its end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(line: Line) -> str:
    return f"{line.work}: A {line.a}; B {line.b}; {line.result}; {line.verdict}"


def facts_of(runner: Runner, quick: bool, took_s: float) -> list[str]:
    return [
        f"{runner.sent:,} requests in {runner.blocks} blocks, none failed; {runner.served:,} were served by gateways, "
        f"and {runner.bed.counts()['rows']:,} rows acknowledged",
        f"{'quick run' if quick else 'full run'} of {took_s:.0f} s; load average at its end "
        f"{probes.busy_processors():.1f} (two processors are in use by the run itself)",
    ]


def measure(bed: Bed, runner: Runner, plan: Plan, files_max: int) -> Iterator[Line]:
    """The rows, one by one."""
    nginx_json, nginx_sse = bed.nginx()
    upstream = f"http://{bed.mock}/v1"
    keys = probes.make_keys(bed.folder, upstream, MODELS, KEYS, PER_ACCOUNT)
    ours = bed.gateway("gateway", keys.keys, keys.snapshot)
    probes.warm_leases(runner, ours.target, PER_ACCOUNT)
    if plan.has("idle"):
        yield probes.idle_memory(runner, nginx_sse, ours.target)
        if files_max > FILES_PER_STREAM * MANY_STREAMS + 1_000:
            yield probes.many_idle(runner, ours.target, MANY_STREAMS, 3 if plan.quick else 16)
    if plan.has("nginx"):
        for row in rows.against_nginx(nginx_json, nginx_sse, ours.target, plan.effort):
            yield row.run(runner)
    if plan.has("refused"):
        yield rows.refused(ours.target, plan.effort).run(runner)
    if plan.has("delta"):
        yield probes.delta_swap(runner, ours, 1, 1.5 if plan.quick else 8)
    yield from with_other_keys(bed, runner, plan, upstream, keys)
    if plan.has("calls"):
        calls = probes.system_calls(runner, nginx_json, ours.target)
        if calls:
            yield calls
    runner.check_books()


def with_other_keys(bed: Bed, runner: Runner, plan: Plan, upstream: str, keys: KeySet) -> Iterator[Line]:
    """Snapshots of other sizes: what applying one costs, and what a request among a million keys does."""
    times = 1 if plan.quick else 3
    if not (plan.has("apply") or plan.has("growth")):
        return
    many = probes.make_keys(bed.folder, upstream, MODELS, 1_000_000, 200)
    if plan.has("apply"):
        yield probes.apply_cost(keys.snapshot, keys.count, "each with a limit", times)
        yield probes.apply_cost(many.snapshot, many.count, "each with a limit", times)
        yield probes.apply_cost(probes.without_limits(many), many.count, "none with a limit", times)
    if plan.has("growth"):
        few = probes.make_keys(bed.folder, upstream, MODELS, 1_000, PER_ACCOUNT)
        gateways: list[Target] = []
        for name, made in (("few", few), ("many", many)):
            gateways.append(bed.gateway(name, made.keys, made.snapshot).target)
            probes.warm_leases(runner, gateways[-1], made.per_account)
        yield rows.growth(gateways[0], gateways[1], plan.effort).run(runner)
