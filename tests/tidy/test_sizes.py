"""No file and no function grows past what a reader holds in mind; every source file opens with what it decides."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tidy import python, rust
from tests.tidy.tree import is_test, sources

pytestmark = pytest.mark.tidy

FILE_LINES_MAX = 400
TEST_FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
LENGTHS: dict[str, Callable[[str], Iterator[tuple[str, int, int]]]] = {
    ".rs": rust.function_lengths,
    ".py": python.function_lengths,
}


def long_files(files: dict[Path, str]) -> list[str]:
    """One complaint per file over the limit."""
    counted = [
        (path, len(text.splitlines()), TEST_FILE_LINES_MAX if is_test(path) else FILE_LINES_MAX)
        for path, text in files.items()
    ]
    return [
        f"{path}: {lines} lines (at most {most}): which two ideas does it hold?"
        for path, lines, most in counted
        if lines > most
    ]


def long_functions(files: dict[Path, str]) -> list[str]:
    """One complaint per function over the limit."""
    return [
        f"{path}:{line}: {name} has {lines} lines (at most {FUNCTION_LINES_MAX})"
        for path, text in files.items()
        for name, line, lines in LENGTHS[path.suffix](text)
        if lines > FUNCTION_LINES_MAX
    ]


def silent_openings(files: dict[Path, str]) -> list[str]:
    """One complaint per file that does not open with a doc comment. A tests.rs belongs to the file beside it."""
    opens = {".rs": lambda text: text.startswith("//!") or not text.strip(), ".py": python.opens_with_docstring}
    return [
        f"{path}: open with what it decides and why"
        for path, text in files.items()
        if path.name != "tests.rs" and not opens[path.suffix](text)
    ]


def test_files_are_short() -> None:
    complaints = long_files(sources(".rs", ".py", ".js", ".css", ".html"))
    assert not complaints, "\n".join(complaints)


def test_functions_are_short() -> None:
    complaints = long_functions(sources(".rs", ".py"))
    assert not complaints, "\n".join(complaints)


def test_files_say_what_they_decide() -> None:
    complaints = silent_openings(sources(".rs", ".py"))
    assert not complaints, "\n".join(complaints)


def test_canary_long_file_is_refused() -> None:
    assert long_files({Path("core_rs/a/src/b.rs"): "\n" * 401})
    assert not long_files({Path("core_rs/a/src/b/tests.rs"): "\n" * 401})
    assert long_files({Path("tests/unit/test_a.py"): "\n" * 501})


@pytest.mark.parametrize(
    ("path", "head", "line", "tail"),
    [
        ("a.rs", "pub(crate) fn f<'a>(x: &'a [u8; 4]) -> char {\n", '    let s = "}"; // }\n', "    '}'\n}\n"),
        (
            "a.rs",
            "trait T { fn none(&self) -> [u8; 2]; }\nimpl T { async fn f() {\n",
            '    let s = r#"}"#; /* } */\n',
            "} }\n",
        ),
        ("a.py", '"""A."""\nclass A:\n    async def f(self) -> None:\n', "        self.x = 1\n", ""),
    ],
)
def test_canary_long_function_is_refused(path: str, head: str, line: str, tail: str) -> None:
    complaints = long_functions({Path(path): head + line * 75 + tail})
    assert len(complaints) == 1
    assert ": f has 7" in complaints[0]
    assert long_functions({Path(path): head + line * 50 + tail}) == []


def test_canary_silent_file_is_refused() -> None:
    assert silent_openings({Path("a.rs"): "use std::fmt;\n", Path("b.py"): "import os\n"}) != []
    assert len(silent_openings({Path("a.rs"): "// not a doc comment\n", Path("b.py"): "# nor this\nX = 1\n"})) == 2
