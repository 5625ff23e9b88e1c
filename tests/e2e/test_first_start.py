"""The first minute with Tollway: what `serve --demo` prints works as it stands, and what the README says is there.

Decides that printed text is used literally: the curl goes through bash unchanged, the link is followed as a browser
would.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.support.services import missing
from tests.support.stack import PROGRAM, Process, Stack, environment

pytestmark = pytest.mark.e2e

_ROOT = Path(__file__).parents[2]
_PASSWORD = "correct horse battery staple"
_OPERATOR = {"email": "first@example.com", "name": "First"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As a person starts it: no operator's token."""
    with Stack(tmp_path_factory.mktemp("first"), demo=True, operator=False) as running:
        yield running


def _served(stack: Stack) -> Process:
    assert stack.serve is not None
    return stack.serve


class _Form(HTMLParser):
    """The one form of a page: where it goes and what it holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action, self.method = "", ""
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = has["action"], has["method"]
        elif tag == "input":
            self.fields[has["name"]] = has.get("value", "")


def _streamed_text(output: str) -> str:
    events = [line.removeprefix("data: ") for line in output.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]", output[-500:]
    chunks = [json.loads(event) for event in events[:-1]]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def _bash(command: str, folder: Path) -> str:
    if subprocess.run(["bash", "-c", "command -v curl"], capture_output=True, check=False).returncode != 0:
        missing("curl is not here (Debian: apt-get install curl)")
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_printed_curl_is_pasted_and_answers(fresh: Stack, tmp_path: Path) -> None:
    command = _served(fresh).line("curl -N ")
    assert "toll road" in _streamed_text(_bash(command, tmp_path)).lower()


def test_the_readme_s_curl_is_pasted_and_answers(fresh: Stack, tmp_path: Path) -> None:
    """Only port and data folder differ here from what a person has who typed `make run`."""
    found = re.search(r"^curl -N .*$", (_ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert ":8080/" in found[0]
    assert ".data/demo.key" in found[0]
    (tmp_path / ".data").symlink_to(fresh.data)
    assert "toll roads" in _streamed_text(_bash(found[0].replace(":8080/", f":{fresh.port}/"), tmp_path)).lower()


def test_the_readme_s_python_runs(fresh: Stack, tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", (_ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / ".data").symlink_to(fresh.data)
    (tmp_path / "hello.py").write_text(found[1].replace(":8080/", f":{fresh.port}/"))
    done = subprocess.run(
        [str(PROGRAM.parent / "python"), "hello.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, bool(done.stdout.strip())) == (0, True), done.stderr


def test_every_command_of_the_readme_exists() -> None:
    text = (_ROOT / "README.md").read_text("utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert {"run", "test", "build"} <= targets
    helped = subprocess.run(["make", "help"], cwd=_ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
    listed = set(re.findall(r"^make ([a-z-]+)", helped, re.MULTILINE))
    assert targets <= listed
    for command in set(re.findall(r"tollway ([a-z]+)(?= --)", text)) | {"serve"}:
        done = subprocess.run(
            [str(PROGRAM), command, "--help"], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, command
        assert "Example:" in done.stdout


def test_the_start_page_leads_on(fresh: Stack) -> None:
    page = httpx.get(f"{fresh.url}/", timeout=10)
    assert page.status_code == 200
    assert f"{fresh.url}/v1" in page.text
    assert "curl" in page.text
    document = httpx.get(f"{fresh.url}/api/openapi.json", timeout=10)
    assert document.status_code == 200
    assert document.json()["openapi"].startswith("3.")


def test_the_first_start_prints_a_link_that_makes_the_operator_once(fresh: Stack) -> None:
    link = _served(fresh).line("Set-up link").split()[2]
    with httpx.Client(base_url=fresh.url, timeout=20) as browser:
        form = _Form(browser.get(link).raise_for_status().text)
        assert form.method == "post"
        filled = form.fields | _OPERATOR | {"password": _PASSWORD}
        done = browser.post(form.action, data=filled, headers={"origin": fresh.url})
        assert done.status_code == 303, done.text
        assert browser.get("/api/me").raise_for_status().json()["user"]["role"] == "operator"
    # Spent: neither the link nor the form works again, for whoever has them.
    assert httpx.get(link, timeout=20).status_code == 410
    with httpx.Client(base_url=fresh.url, timeout=20) as stranger:
        own = _Form(stranger.get("/sign-in").raise_for_status().text).fields["csrf_token"]
        late = filled | {"email": "second@example.com", "csrf_token": own}
        assert stranger.post("/setup", data=late, headers={"origin": fresh.url}).status_code == 410
    with httpx.Client(base_url=fresh.url, timeout=20) as browser:
        wrong = browser.post("/api/session", json={"email": _OPERATOR["email"], "password": "not this one at all"})
        assert wrong.status_code == 401
        assert browser.get("/api/admin/accounts").status_code == 401
        right = browser.post("/api/session", json={"email": _OPERATOR["email"], "password": _PASSWORD})
        assert right.status_code == 204
        assert browser.get("/api/admin/accounts").raise_for_status().json()["data"]


def test_a_second_start_prints_no_link_and_the_same_key(fresh: Stack) -> None:
    """After the test before: an operator is there, so nobody else may become one."""
    before = _served(fresh).line("curl -N ")
    assert fresh.stop() == 0
    started = fresh.start()
    assert started.line("curl -N ") == before
    assert not [line for line in started.lines if "Set-up link" in line]
