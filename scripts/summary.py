#!/usr/bin/env python3
"""Runs all tests, Rust and Python, and closes with one line that sums them: `N passed, N failed, N skipped`.

cargo's counts come from its `test result:` lines, pytest's from its JUnit file. A runner that ends badly without a
failed test to show for it (a build error, a crash, a time-out) counts as one failure, so that the line is never greener
than the runs. `scripts/summary.py rust` and `scripts/summary.py python` run one half.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARGO = ["cargo", "test", "--locked", "--no-fail-fast"]  # the default members: the extension has its tests in Python
CARGO_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")


@dataclass(frozen=True)
class Totals:
    """Counts of one runner, or of several added up."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def honest(self, exit_code: int) -> "Totals":
        """The same, with a failure added when the runner failed and no test says so."""
        return self + Totals(failed=1) if exit_code != 0 and self.failed == 0 else self

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def totals_of_cargo_line(line: str) -> Totals:
    """What one line of `cargo test` adds; nothing for most lines."""
    found = CARGO_RESULT.match(line)
    return Totals(*(int(count) for count in found.groups())) if found else Totals()


def totals_of_junit(text: str) -> Totals:
    """What pytest's JUnit file counts. Errors in set-up and tear-down are failures."""
    totals = Totals()
    for suite in ET.fromstring(text).iter("testsuite"):  # noqa: S314 - pytest wrote it a moment ago
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        totals += Totals(max(tests - failed - skipped, 0), failed, skipped)
    return totals


def run_rust() -> Totals:
    """Runs cargo test, its output passed through as it comes."""
    totals = Totals()
    with subprocess.Popen(CARGO, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as runner:
        if runner.stdout is None:
            raise RuntimeError("cargo test was started without a pipe")
        for line in runner.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            totals += totals_of_cargo_line(line)
    return totals.honest(runner.returncode)


def run_python() -> Totals:
    """Runs pytest, its output straight to the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        exit_code = subprocess.run(
            [sys.executable, "-m", "pytest", f"--junitxml={report}", *os.environ.get("PYTEST_ARGS", "").split()],
            cwd=ROOT,
            check=False,
        ).returncode
        totals = totals_of_junit(report.read_text()) if report.exists() else Totals()
    return totals.honest(exit_code)


def main(halves: list[str]) -> int:
    """Runs the halves that are named, both by default."""
    runners = {"rust": run_rust, "python": run_python}
    if unknown := [half for half in halves if half not in runners]:
        print(f"scripts/summary.py: no such half: {unknown[0]} (rust, python)", file=sys.stderr)
        return 2
    totals, lines = Totals(), []
    for half in halves or list(runners):
        started_s = time.monotonic()
        print(f"== {half} tests", flush=True)
        found = runners[half]()
        totals += found
        lines.append(f"{half}: {found} in {time.monotonic() - started_s:.0f} s")
    print("\n" + "\n".join(lines))
    print(totals, flush=True)
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
