"""The documentation's snippets run as printed: taken from the page, put into the file it names, started, and they print
what the model said. Languages without a tool on the machine are skipped by name; Go, Java and PHP even where services
are required, since CI installs no toolchain that only these snippets need. PHP is parsed, not run. C# is
only looked at: Debian packages no parser of it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integration.portal.docs_page import Read
from tests.support.services import missing
from tests.support.stack import Stack, environment
from tollway.portal.docs.blocks import BLOCKS, Block
from tollway.portal.docs.snippets import LANGUAGES, Language, file_name

pytestmark = pytest.mark.e2e

WITHIN_S = 120
MODULES = Path(__file__).parents[1] / "js" / "node_modules"
RUN = {
    "curl": ["bash"],
    "python": [sys.executable],
    "node": ["node"],
    "go": ["go", "run"],
    "java": ["java"],
}
OPTIONAL = {"go", "java"}
# What the simulated provider's answer holds: words of the question, numbers of a vector.
SEEN = {"chat-completions": "hello", "streaming": "river", "embeddings": "0.0"}


@pytest.fixture(scope="module")
def page(stack: Stack) -> Read:
    """The page as a stranger gets it."""
    return Read(httpx.get(f"{stack.url}/docs", timeout=20).raise_for_status().text)


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    """A key with money."""
    return str(stack.api.tenant().key)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one.key in RUN], ids=lambda one: str(one.key))
@pytest.mark.parametrize("block", [block.id for block in BLOCKS])
def test_a_snippet_runs_as_printed(page: Read, key: str, tmp_path: Path, block: str, language: Language) -> None:
    command = RUN[language.key]
    if shutil.which(command[0]) is None:
        reason = f"{command[0]} is not installed"
        pytest.skip(reason) if language.key in OPTIONAL else missing(reason)
    if language.key == "node":
        if not MODULES.is_dir():
            missing("the openai npm SDK is not installed (make test does it: npm ci in tests/e2e/js)")
        (tmp_path / "node_modules").symlink_to(MODULES)
    file = tmp_path / file_name(block, language)
    file.write_text(page.snippets[block, language.key], "utf-8")
    done = subprocess.run(
        [*command, file.name],
        cwd=tmp_path,
        env=environment(YOUR_API_KEY=key, GO111MODULE="off"),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if block == "images":
        if language.key == "curl":
            assert '"b64_json"' in done.stdout
        else:
            assert (tmp_path / "image.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert SEEN[block] in done.stdout, done.stdout[:2000]


@pytest.mark.parametrize("block", [block.id for block in BLOCKS])
def test_the_php_snippets_parse(page: Read, tmp_path: Path, block: str) -> None:
    php = shutil.which("php")
    if php is None:
        pytest.skip("php is not installed")
    file = tmp_path / "snippet.php"
    file.write_text(page.snippets[block, "php"], "utf-8")
    done = subprocess.run([php, "-l", file.name], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", BLOCKS, ids=lambda one: str(one.id))
def test_a_blocks_snippets_name_a_model_of_its_own_kind(stack: Stack, page: Read, block: Block) -> None:
    kinds = {row["name"]: row["kind"] for row in stack.api.rows("/api/admin/models")}
    named = page.models(block.id)
    assert {kinds[name] for name in named} == {block.kind}
