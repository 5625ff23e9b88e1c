"""No module needs a neighbour that needs it: neither inside a Rust crate nor in the Python package."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.tidy import python, rust
from tests.tidy.graph import cycles
from tests.tidy.tree import ROOT, sources

pytestmark = pytest.mark.tidy

CRATES = sorted(
    path.parent.relative_to(ROOT) for path in [*ROOT.glob("core_rs/*/Cargo.toml"), ROOT / "bench/Cargo.toml"]
)


def circles_in_crate(crate: Mapping[Path, str]) -> list[str]:
    """One complaint per circle of neighbouring modules."""
    return [
        f"{parent}: {' <-> '.join(circle)}"
        for parent, edges in rust.sibling_graphs(crate).items()
        for circle in cycles(edges)
    ]


def circles_in_package(package: Mapping[Path, str]) -> list[str]:
    """One complaint per circle of modules."""
    return [" <-> ".join(circle) for circle in cycles(python.import_graph(package))]


@pytest.mark.parametrize("crate", CRATES, ids=str)
def test_no_circle_inside_a_crate(crate: Path) -> None:
    source = crate / "src"
    files = {path.relative_to(source): text for path, text in sources(".rs").items() if path.is_relative_to(source)}
    assert files
    complaints = circles_in_crate(files)
    assert not complaints, "\n".join(complaints)


def test_no_circle_in_the_package() -> None:
    package = {
        path.relative_to("control"): text for path, text in sources(".py").items() if path.is_relative_to("control")
    }
    assert package
    complaints = circles_in_package(package)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    "back",
    ["use crate::one::{self, X};", "use super::{three::Y, one::inner::X};", "fn f() { crate::one::go() }"],
)
def test_canary_circle_in_a_crate_is_found(back: str) -> None:
    crate = {
        Path("lib.rs"): "pub mod one; pub mod two; pub mod three;",
        Path("one.rs"): "mod inner;\nuse crate::two::Y; // use crate::three::Z;",
        Path("one/inner.rs"): "use super::Thing;",
        Path("two.rs"): back,
        Path("three.rs"): "",
        Path("two/tests.rs"): "use crate::three::T;",
    }
    assert circles_in_crate(crate) == ["crate: one <-> two"]
    assert circles_in_crate({**crate, Path("two.rs"): "// " + back}) == []


def test_canary_circle_between_grandchildren_is_found() -> None:
    crate = {Path("a.rs"): "", Path("a/b.rs"): "use super::c::X;", Path("a/c.rs"): "use crate::a::b::Y;"}
    assert circles_in_crate(crate) == ["crate::a: b <-> c"]


def test_canary_circle_in_a_package_is_found() -> None:
    package = {
        Path("p/__init__.py"): "",
        Path("p/a.py"): "from p import b",
        Path("p/b.py"): "def late():\n    import p.a",
        Path("p/c.py"): "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.d import D",
        Path("p/d.py"): "from p.c import C",
    }
    assert circles_in_package(package) == ["p.a <-> p.b"]
