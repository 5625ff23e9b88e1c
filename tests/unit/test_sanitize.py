"""`make sanitize` where valgrind is installed: the mapping of the journal is the one place that Rust does not check."""

import shutil
import subprocess

import pytest

from tests.tidy.tree import ROOT

# Building the test binary anew is what takes time; the run itself takes a second.
SANITIZE_S = 600


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not here (Debian: apt-get install valgrind)")
@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not here")
def test_the_journal_passes_under_valgrind() -> None:
    ran = subprocess.run(
        ["scripts/sanitize"], cwd=ROOT, capture_output=True, text=True, timeout=SANITIZE_S, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "writer_and_reader_agree_under_threads ... ok" in ran.stdout
