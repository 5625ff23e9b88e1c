"""No file names a folder of somebody's machine, or a package registry: a lock that does works only where it is reached.

Cargo.lock is left out of the second rule: cargo writes the registry's own name into each entry and cannot do without.
"""

import re
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, project_files

pytestmark = pytest.mark.tidy

# Written in pieces, so that this file does not complain about itself.
HOME_FOLDERS = re.compile(
    r"(?<![\w.$})/-])/(?:"
    + "|".join(["ro" + "ot", "ho" + r"me/[a-z][\w.-]*", "Us" + r"ers/[A-Z][\w.-]*", "wo" + "rk"])
    + r")(?:/|\b(?=[\s\"']))"
)
REGISTRIES = re.compile(
    "|".join(re.escape(name + "." + tail) for name, tail in [
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
        ("index.crates", "io"), ("static.crates", "io"), ("deb.debian", "org"), ("proxy.golang", "org"),
    ]) + "|" + "--(?:extra-)?index" + "-url" + r"[ =]+\S*://" + "|" + "/artifact" + "ory/"
)  # fmt: skip
BINARY = {".png", ".jpg", ".ico", ".woff2", ".gz", ".msgpack", ".bin"}


def complaints_about(path: Path, text: str) -> list[str]:
    """One complaint per line that names a machine's folder or a registry."""
    rules = [(HOME_FOLDERS, "a folder of one machine")]
    if path.name != "Cargo.lock":
        rules.append((REGISTRIES, "the address of a registry"))
    return [
        f"{path}:{number}: {what}: {found.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for rule, what in rules
        if (found := rule.search(line))
    ]


def test_no_file_names_a_machine_or_a_registry() -> None:
    complaints: list[str] = []
    for path in project_files():
        if path.suffix not in BINARY and "corpus" not in path.parts:
            complaints += complaints_about(path, (ROOT / path).read_text(errors="replace"))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    "line",
    [
        "cd /ro" + "ot/x",
        'path = "/ho' + 'me/ada/x"',
        "in /wo" + "rk/x",
        "see https://py" + "pi.org/simple",
        "https://registry.npm" + "js.org/a",
    ],
)
def test_canary_address_is_refused(line: str) -> None:
    assert complaints_about(Path("a.md"), f"first\n{line}\n") != []


@pytest.mark.parametrize("line", ["core/root/x", "GET /roots", "{base}/work/x", "a network/home"])
def test_harmless_lines_pass(line: str) -> None:
    assert complaints_about(Path("a.md"), line) == []
