"""The files that belong to the project, as the tidy tests see them: what git tracks or would track, still on disk."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = {"target", "node_modules", ".venv", ".git", ".tools", ".data", "__pycache__"}


def project_files() -> list[Path]:
    """All files of the project, relative to its root. Without git (an unpacked archive), all but what builds leave."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        names = [Path(name) for name in listed if name]
    else:
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
    return sorted(name for name in names if (ROOT / name).is_file() and not SKIPPED_FOLDERS & set(name.parts))


def sources(*suffixes: str) -> dict[Path, str]:
    """The text of every project file with one of these suffixes, by its path relative to the root."""
    return {path: (ROOT / path).read_text() for path in project_files() if path.suffix in suffixes}


def is_test(path: Path) -> bool:
    """Tests live under tests/ (Python) or in tests.rs beside what they test (Rust)."""
    return "tests" in path.parts or path.name == "tests.rs" or path.stem.endswith("_tests")
