"""Every locked package has a version and hashes, no lock names an address, and the locks cover what is asked for."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

pytestmark = pytest.mark.tidy

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
_NAME = re.compile(r"^[a-zA-Z0-9][\w.-]*")
_PINNED = re.compile(r"^[a-z0-9][a-z0-9.-]*(\[[a-z,]+\])?==\S+( ; .+)?$")
_HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")


def complaints_about(lock: str) -> list[str]:
    """One complaint per entry that is not pinned or has no hash, and per address."""
    complaints = [f"an address: {line}" for line in lock.splitlines() if "://" in line or line.startswith("-")]
    for entry in filter(None, (part.strip() for part in re.split(r"\n(?=\S)", lock))):
        first, *hashes = [line.strip().removesuffix("\\").strip() for line in entry.splitlines()]
        if not _PINNED.match(first):
            complaints.append(f"not pinned: {first}")
        if not hashes or not all(_HASH.match(line) for line in hashes):
            complaints.append(f"no hash, or more than hashes: {first}")
    return complaints


def names_in(lines: list[str]) -> set[str]:
    """The normalised package names of requirement lines."""
    found = (_NAME.match(line) for line in lines)
    return {re.sub(r"[-_.]+", "-", name.group()).lower() for name in found if name}


def without_integrity(lock: str) -> list[str]:
    """Complaints about an npm lock: an entry without a hash, or with an address."""
    packages = json.loads(lock)["packages"]
    return [name for name, entry in packages.items() if name and ("integrity" not in entry or "resolved" in entry)]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_lock_has_versions_and_hashes_only(path: Path) -> None:
    complaints = complaints_about(path.read_text())
    assert not complaints, "\n".join(complaints)


def test_locks_cover_what_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {"runtime": names_in(project["dependencies"])}
    for name in ("build", "dev", "bench"):
        asked[name] = names_in((ROOT / f"requirements/{name}.in").read_text().splitlines())
    for name, names in asked.items():
        locked = names_in((ROOT / f"requirements/{name}.lock").read_text().splitlines())
        assert names <= locked, f"{name}.lock is behind: run scripts/lock"


def test_the_tools_use_the_versions_that_run() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / f"requirements/{name}.lock").read_text()
        return dict(re.findall(r"^([\w.-]+)(?:\[\S+\])?==([^\s;]+)", text, re.MULTILINE))

    runtime = pins("runtime")
    for other in ("build", "dev"):
        assert {name: pin for name, pin in pins(other).items() if runtime.get(name, pin) != pin} == {}


def test_npm_lock_has_hashes_and_no_address() -> None:
    assert without_integrity((ROOT / "tests/e2e/js/package-lock.json").read_text()) == []


HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "lock",
    [
        f"click>=8 \\\n    {HASH}\n",
        "click==8.5.1\n",
        f"click==8.5.1 \\\n    {HASH}\nhttpx==0.28.1\n",
        f"--find-links somewhere\nclick==8.5.1 \\\n    {HASH}\n",
        f"click @ https://example.test/click.whl \\\n    {HASH}\n",
        "click==8.5.1 \\\n    --hash=md5:00\n",
    ],
)
def test_canary_loose_lock_is_refused(lock: str) -> None:
    assert complaints_about(lock) != []
    assert complaints_about(f"click==8.5.1 ; python_version < '4' \\\n    {HASH}\n") == []


def test_canary_npm_lock_with_address_is_refused() -> None:
    good = {"version": "1", "integrity": "sha512-x"}
    assert without_integrity(json.dumps({"packages": {"": {}, "a": good}})) == []
    assert without_integrity(json.dumps({"packages": {"a": good | {"resolved": "x"}, "b": {"version": "1"}}})) == [
        "a",
        "b",
    ]
