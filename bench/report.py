"""The report: machine, method, table, remarks. Losing rows stand in it like the others."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.blocks import Line
from bench.processes import ROOT

METHOD = """\
- The gateway is a real node process (Robyn, the core with one thread) with everything on: HMAC of the key, lookup among
  the keys, request and token limits, hold on a lease, JSON scan and splice of the model name, usage,
  settlement, journal, reports, metrics. nginx does none of it: it is the yardstick for moving bytes.
- The system under test alone on processor 0; load generator, simulated provider and stand-in control plane on
  processor 1. A random key per request.
- Processor time is the sum of /proc/PID/task/*/schedstat of all threads over the window, divided by what the client got
  in it. Blocks in the order A B B A; each neighbouring pair gives one ratio; the median and the smallest and largest
  stand in the table. **Read the ratio**: absolute times move by a quarter with the machine's clock and its neighbours.
- Closed loop, unless a row names a rate. A block in which a request fails, or is cut, ends the whole run without a
  report; and so does a row reported to the control plane too many or too few.
- Legs: A is nginx and B the gateway, unless the row says otherwise."""

NOT_HERE = """\
Not measured here: a second core thread (this needs more than two processors), upstream TLS, other gateways, allocations
per request, system calls per chunk (under strace chunks run together, so the count would flatter)."""


def write(lines: Sequence[Line], facts: Sequence[str], folder: Path) -> Path:
    """<date>-<commit>.md in this folder."""
    commit = _said("git", "rev-parse", "--short", "HEAD") + ("-dirty" if _said("git", "status", "--porcelain") else "")
    now = datetime.now(UTC)
    path = folder / f"{now:%Y-%m-%d}-{commit}.md"
    folder.mkdir(exist_ok=True)
    path.write_text(render(lines, facts, f"{now:%Y-%m-%d %H:%M} UTC, commit {commit}"))
    return path


def render(lines: Sequence[Line], facts: Sequence[str], title: str) -> str:
    """The whole text."""
    missed = [line.work for line in lines if line.missed]
    remarks = [f"- {remark}" for line in lines for remark in line.remarks]
    verdict = (
        f"{len(missed)} of {len(lines)} rows miss their first gate: {'; '.join(missed)}."
        if missed
        else f"All {len(lines)} rows meet their first gate."
    )
    parts = [
        f"# Measured {title}",
        verdict,
        "## Machine\n" + "\n".join(f"- {fact}" for fact in [*machine(), *facts]),
        f"## Method\n{METHOD}",
        "## Results\n" + table(lines),
        "## Remarks\n" + "\n".join([*remarks, f"- {NOT_HERE}"]),
    ]
    return "\n\n".join(parts) + "\n"


def table(lines: Sequence[Line]) -> str:
    head = "| work | A | B | B/A, median [min..max] | first / final gate | verdict |\n|---|---|---|---|---|---|"
    rows = [f"| {line.work} | {line.a} | {line.b} | {line.result} | {line.gate} | {line.verdict} |" for line in lines]
    return "\n".join([head, *rows])


def machine() -> list[str]:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return [
        f"{len(models)} processors, {models[0] if models else platform.machine()}; {int(memory) // 1024 // 1024} GiB",
        f"Linux {platform.release()}, Python {platform.python_version()}, {_said('rustc', '--version')}",
        _said("nginx", "-v").removeprefix("nginx version: "),
    ]


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return (done.stdout or done.stderr).strip()
