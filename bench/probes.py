"""What is not a ratio against nginx: idle memory, system calls, latency while snapshots change, snapshot apply.

Decides that memory is private memory (USS) as the kernel counts it, before and while streams are open, and that a
latency is only given beside the same run without the disturbance: on a shared machine its absolute value says little.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.blocks import Failed, Line, Load, Runner
from bench.processes import (
    LOAD_CPU,
    ROOT,
    SUT_CPU,
    WAIT_S,
    Gateway,
    Helper,
    Target,
    cpu_ns,
    pepper,
    pinned,
    uss_bytes,
)
from bench.ratios import Gate
from bench.rows import JSON_1K

IDLE_MODEL = "sse-3-60000000-250"  # one event, then a minute of silence
SETTLE_S = 1.0
KIB, MIB = 1024, 1024 * 1024


def hold_streams(runner: Runner, target: Target, streams: int, seconds: float) -> tuple[float, float]:
    """Private bytes that so many open, silent streams add to the target, and its share of a processor meanwhile."""
    before = uss_bytes(target.pids)
    holder = Helper(
        "idle", "--to", target.address, "--model", target.prefix + IDLE_MODEL, "--streams", str(streams),
        *target.caller(),
    )  # fmt: skip
    said = holder.line()
    if target.keys:
        runner.held(said["sent"])
    if said["open"] != streams:
        holder.end()
        raise Failed(f"{target.name}: {said['open']} of {streams} idle streams opened; first: {said['first_error']}")
    time.sleep(SETTLE_S)
    started_s, started_ns = time.monotonic(), cpu_ns(target.pids)
    time.sleep(seconds)
    share = (cpu_ns(target.pids) - started_ns) / 1e9 / (time.monotonic() - started_s)
    added = uss_bytes(target.pids) - before
    last = json.loads(holder.end())
    if last["open"] != streams:
        raise Failed(f"{target.name}: only {last['open']} of {streams} idle streams stayed open: {last['first_error']}")
    runner.check_books()
    return added, share


def idle_memory(runner: Runner, nginx: Target, ours: Target, streams: int = 1_000) -> Line:
    """Private memory per idle stream, both legs."""
    theirs, own = (hold_streams(runner, target, streams, SETTLE_S)[0] / streams / KIB for target in (nginx, ours))
    gate = Gate(8, 4)
    return Line(
        f"idle stream, private memory per stream, {streams:,} open",
        f"{theirs:.1f} KiB",
        f"{own:.1f} KiB",
        f"**{own / theirs:.2f}x**" if theirs > 0 else "-",
        "<= 8 KiB / <= 4 KiB",
        gate.verdict(own),
        gate.missed(own),
    )


def many_idle(runner: Runner, ours: Target, streams: int, seconds: float) -> Line:
    """Private memory and processor time of very many idle streams in one process, over the idle process."""
    started_ns = cpu_ns(ours.pids)
    time.sleep(SETTLE_S)
    alone = (cpu_ns(ours.pids) - started_ns) / 1e9 / SETTLE_S
    added, share = hold_streams(runner, ours, streams, seconds)
    mib, more = added / MIB, 100 * (share - alone)
    gate = Gate(80, 40)
    heartbeat = "heartbeats included" if seconds > 15 else "shorter than the heartbeat's 15 s"
    return Line(
        f"{streams:,} idle streams in one process, over the idle process",
        "-",
        f"{mib:.0f} MiB, {more:+.1f} % of a core in {seconds:g} s ({heartbeat})",
        "-",
        "<= 80 MB / <= 40 MB, ~0 % CPU",
        gate.verdict(mib),
        gate.missed(mib) or more > 3,
    )


def system_calls(runner: Runner, nginx: Target, ours: Target) -> Line | None:
    """System calls per JSON request, counted by strace over all threads; None without strace."""
    if not shutil.which("strace"):
        return None
    theirs, own = (_traced(runner, target) for target in (nginx, ours))
    gate = Gate(6, 6)
    return Line(
        "system calls per JSON request, 32 connections, under strace",
        f"{theirs:.1f}",
        f"{own:.1f}",
        f"{own / theirs:.2f}x",
        "<= 6",
        gate.verdict(own),
        gate.missed(own),
    )


def _traced(runner: Runner, target: Target) -> float:
    output = runner.bed.folder / f"strace-{target.name}.txt"
    pids = [word for pid in target.pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-o", output, *pids], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    errors = tracer.stderr
    if errors is None or b"attached" not in errors.readline():
        tracer.kill()
        raise Failed("strace could not attach")
    sent = runner.sent
    try:
        runner.block(target, Load("json-1k", connections=32, warmup_ms=100), 1.5)
    finally:
        tracer.send_signal(2)
        tracer.communicate(timeout=WAIT_S)
    total = re.search(r"^\s*100\.00\s+\S+\s+(?:\d+\s+)?(\d+)(?:\s+\d+)?\s+total$", output.read_text(), re.MULTILINE)
    if total is None:
        raise Failed("strace's table has no total")
    return int(total.group(1)) / (runner.sent - sent)


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """A loop of the lowest class on each processor: an idle virtual processor's wake-up would drown a latency."""
    code = "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"
    loops = [subprocess.Popen(pinned(cpu, sys.executable, "-c", code)) for cpu in (SUT_CPU, LOAD_CPU)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def delta_swap(runner: Runner, ours: Gateway, generation: int, seconds: float) -> Line:
    """Latency at a fixed rate with a delta of 100 keys every 100 ms, beside the same without."""
    steady = Load("json-1k", connections=64, rate=2_000.0)
    count = int((seconds + 1) * 10)
    deltas = [make_delta(runner.bed.folder, generation + at) for at in range(count)]
    pushed: list[float] = []

    def push() -> None:
        for delta in deltas:
            started_s = time.monotonic()
            ours.push(delta)
            pushed.append(time.monotonic() - started_s)
            time.sleep(max(0.0, 0.1 - pushed[-1]))

    with awake():
        quiet = runner.block(ours.target, steady, seconds)
        pusher = threading.Thread(target=push)
        pusher.start()
        busy = runner.block(ours.target, steady, seconds)
        pusher.join(WAIT_S)
    runner.check_books()
    if len(pushed) != count:
        raise Failed(f"{len(pushed)} of {count} deltas were taken")
    return Line(
        f"delta swap under load: {count} deltas of 100 keys, 2,000 requests/s, p50 / p99 / p999",
        "without: " + _latency(quiet.latency_us),
        "with: " + _latency(busy.latency_us),
        f"p999 {busy.latency_us['p999'] / max(1, quiet.latency_us['p999']):.2f}x",
        "p999 <= 5 ms",
        *swap_verdict(quiet.latency_us["p999"] / 1000, busy.latency_us["p999"] / 1000),
    )


def swap_verdict(quiet_ms: float, busy_ms: float) -> tuple[str, bool]:
    """What the p999 with swaps shows, and whether it misses: a machine that is slower without swaps shows nothing."""
    gate = Gate(5, 5)
    if quiet_ms > gate.first:
        return "not shown: without swaps it is above 5 ms too", False
    return gate.verdict(busy_ms), gate.missed(busy_ms)


def _latency(us: dict[str, int]) -> str:
    return " / ".join(f"{us[share] / 1000:.1f}" for share in ("p50", "p99", "p999")) + " ms"


@dataclass(frozen=True, slots=True)
class KeySet:
    """So many keys as a file, and the snapshot in which they may call the models."""

    count: int
    per_account: int
    keys: Path
    snapshot: Path


def make_keys(folder: Path, upstream: str, models: tuple[str, ...], count: int, per_account: int) -> KeySet:
    """Keys of which each has a limit of its own, and the whole snapshot of generation 1."""
    made = KeySet(count, per_account, folder / f"keys-{count}.txt", folder / f"snapshot-{count}.msgpack")
    named = [word for model in models for word in ("--model", model)]
    _snapshot(made, ["--upstream", upstream, *named, "--key-file", made.keys, "--out", made.snapshot])
    return made


def without_limits(made: KeySet) -> Path:
    """A snapshot of the same keys in which none has a limit of its own, as most keys have none."""
    out = made.snapshot.with_suffix(".unlimited.msgpack")
    _snapshot(made, ["--key-rpm", 0, "--upstream", "http://127.0.0.1:1/v1", "--out", out])
    return out


def _snapshot(made: KeySet, options: list[object]) -> None:
    size = ["--keys", made.count, "--keys-per-account", made.per_account]
    _bench("snapshot", *size, "--pepper", pepper(), *options)


def make_delta(folder: Path, base: int) -> Path:
    """A delta on this generation that writes 100 keys anew, as they were."""
    out = folder / f"delta-{base}.msgpack"
    options = ["--keys", 100, "--pepper", pepper(), "--base", base, "--generation", base + 1]
    _bench("snapshot", *options, "--out", out)
    return out


def _bench(*arguments: object) -> None:
    subprocess.run([str(ROOT / "target/release/tollway-bench"), *map(str, arguments)], check=True)


def apply_cost(snapshot: Path, count: int, what: str, times: int) -> Line:
    """A whole snapshot into a fresh core, each time in a process of its own (apply.py); medians."""
    said = [_applied(snapshot) for _ in range(times)]
    wall_ms, cpu_ms, gap_ms = (median(one[name] for one in said) for name in ("wall_ms", "cpu_ms", "gil_gap_ms"))
    peak = median(one["peak_bytes"] for one in said) / MIB
    per_key = median(one["resident_bytes"] for one in said) / count
    gates = [("time", Gate(300, 300), cpu_ms), ("peak", Gate(100, 100), peak), ("per key", Gate(110, 110), per_key)]
    missed = [f"{name} {value / gate.first:.1f}x" for name, gate, value in gates if gate.missed(value)]
    gated = count >= 1_000_000
    verdict = f"**missed**: {', '.join(missed)}" if missed else "final met"
    return Line(
        f"snapshot apply, {count:,} keys, {what} ({snapshot.stat().st_size / MIB:.0f} MiB)",
        "-",
        f"{cpu_ms:.0f} ms of processor time ({wall_ms:.0f} ms), peak +{peak:.0f} MiB, {per_key:.0f} B per key, "
        f"longest GIL gap {gap_ms:.1f} ms",
        "-",
        "<= 300 ms, peak <= +100 MB, <= 110 B per key" if gated else "-",
        verdict if gated else "-",
        bool(missed) and gated,
    )


def _applied(snapshot: Path) -> dict[str, float]:
    both = f"{SUT_CPU},{LOAD_CPU}"  # so that Python could run meanwhile, if it may
    command = pinned(both, ROOT / ".venv/bin/python", ROOT / "bench/apply.py", snapshot, pepper())
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    if done.returncode != 0:
        raise Failed(f"snapshot apply: {done.stderr.strip()}")
    said: dict[str, float] = json.loads(done.stdout)
    return said


def warm_leases(runner: Runner, target: Target, per_account: int) -> None:
    """One request for each account, so that the blocks measure steady state and not the first lease of each."""
    load = Load("json-1k", connections=JSON_1K.connections, key_step=per_account, warmup_ms=1)
    runner.block(target, load, 120)
    runner.check_books()


def busy_processors() -> float:
    """Load average of the last minute, for the report: others on the machine are noise."""
    return os.getloadavg()[0]
