"""What the documents say is there is there: links, commands, versions."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import tollway
from tests.tidy.tree import ROOT, project_files

pytestmark = pytest.mark.tidy

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_MAKE = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = [path for path in project_files() if path.suffix == ".md" and "results" not in path.parts]


def anchors_of(text: str) -> set[str]:
    """The anchors that headings make."""
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in _HEADING.findall(_FENCE.sub("", text)))
    return {re.sub(r"\s", "-", heading) for heading in plain}


def dead_links(document: Path, text: str) -> list[str]:
    """Links to files or headings that are not there. Links out of the tree are not followed."""
    dead = []
    for target in _LINK.findall(_FENCE.sub("", text)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name) if name else document
        there = file.exists() if name else True
        if not there or (anchor and anchor not in anchors_of(file.read_text() if name else text)):
            dead.append(f"{document.name}: {target}")
    return dead


def unknown_targets(text: str, known: set[str]) -> set[str]:
    """Targets of make that a text names and the Makefile has not."""
    return {first or second for first, second in _MAKE.findall(text)} - known


def help_lines(makefile: str) -> set[str]:
    """The targets that have a line of help."""
    return set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_resolve_and_commands_exist(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert dead_links(ROOT / path, text) == []
    assert unknown_targets(text, help_lines((ROOT / "Makefile").read_text())) == set()


def test_every_target_has_one_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert help_lines(makefile) == set(phony.group(1).split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == help_lines(makefile)


def test_one_version_everywhere() -> None:
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert tollway.__version__ == cargo
    assert f"## {cargo}\n" in (ROOT / "CHANGELOG.md").read_text()
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    ours = {package["version"] for package in locked if package["name"].startswith("tollway-")}
    assert ours == {cargo}


def test_canary_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One thing: here\n")
    text = "# Top\n[a](there.md) [b](gone.md) [c](there.md#one-thing-here) [d](there.md#no) [e](#top) [f](#none)\n"
    assert dead_links(tmp_path / "a.md", text) == ["a.md: gone.md", "a.md: there.md#no", "a.md: #none"]


def test_canary_unknown_target_is_found() -> None:
    assert unknown_targets("run `make test` or\nmake cake\n", {"test"}) == {"cake"}
