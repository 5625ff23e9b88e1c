"""The supervisor's small parts: waits, pid files, locks, log lines, what it prints and what the demo finds."""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.waiting import free_port
from tollway.logs import LineFormatter
from tollway.runfiles import PidFile, try_lock, write_atomic
from tollway.serve import banner
from tollway.serve.backoff import Backoff
from tollway.serve.demo import found, ollama_models
from tollway.settings import load_settings

pytestmark = pytest.mark.unit


def test_the_wait_doubles_to_its_bound_and_starts_anew_after_health() -> None:
    backoff = Backoff()
    assert [backoff.after(10) for _ in range(8)] == [100, 200, 400, 800, 1600, 3200, 5000, 5000]
    assert backoff.after(29_999) == 5000
    assert backoff.after(30_000) == 100
    assert backoff.after(10) == 200


def test_a_pid_file_is_removed_only_by_the_one_it_names(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path, "gateway")
    assert pid_file.read() is None
    pid_file.write(41)
    assert pid_file.path.read_text() == "41\n"
    pid_file.write(42)
    pid_file.remove(41)
    assert pid_file.read() == 42
    pid_file.remove(42)
    assert not pid_file.path.exists()


def test_replacing_a_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        write_atomic(tmp_path / "f", content)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"two"


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    assert try_lock(tmp_path / "lock") is not None
    assert try_lock(tmp_path / "lock") is None


def test_an_event_is_one_line_whatever_it_carries() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, 'two\nlines "quoted"', None, None)
    record.__dict__["tollway_fields"] = {"path": "/a/b", "text": "a b=c\n"}
    line = LineFormatter("gateway").format(record)
    assert "\n" not in line
    fields = dict(part.split("=", 1) for part in shlex.split(line))
    assert fields["level"] == "warning"
    assert fields["from"] == "gateway"
    assert fields["path"] == "/a/b"


def test_the_curl_is_complete_and_survives_a_shell() -> None:
    words = shlex.split(banner.curl("http://127.0.0.1:8080", "sk-tw-abc"))
    assert words[:3] == ["curl", "-N", "http://127.0.0.1:8080/v1/chat/completions"]
    assert "Authorization: Bearer sk-tw-abc" in words
    assert words[-1].startswith('{"model": "sim-chat", "stream": true')


def test_it_says_the_set_up_link_and_what_is_offered() -> None:
    offers = [{"name": "openai", "why": "OPENAI_API_KEY is set", "models": ["gpt-4o-mini"]}]
    said = {"setup_link": "http://h/setup/x", "key": "sk-tw-abc", "offers": offers}
    text = "\n".join(banner.lines("http://h", said, demo=True))
    assert "http://h/setup/x" in text
    assert "openai: gpt-4o-mini   (OPENAI_API_KEY is set)" in text
    assert "sk-tw-abc" not in "\n".join(banner.lines("http://h", said, demo=False))
    assert "Set-up link" not in "\n".join(banner.lines("http://h", {"setup_link": None}, demo=False))


def test_keys_that_are_set_become_upstreams_and_never_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollway.serve.demo.OLLAMA_PORT", free_port())
    monkeypatch.setattr("tollway.serve.demo.ollama_models", list)
    settings = load_settings(environ={"OPENAI_API_KEY": "sk-o", "GEMINI_API_KEY": "g"})
    offers = found(settings)
    assert [(offer.name, offer.base_url) for offer in offers] == [
        ("openai", "https://api.openai.com/v1"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    ]
    assert offers[0].secret == "sk-o"
    assert "sk-o" not in repr(offers)
    assert "sk-o" not in repr(settings)
    assert found(load_settings(environ={})) == []


@pytest.fixture
def ollama() -> Iterator[tuple[HTTPServer, dict[str, bytes]]]:
    answer = {"body": b'{"data":[{"id":"llama3"},{"id":7},{"id":"qwen"}]}'}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server, answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_ollamas_models_are_asked_for(ollama: tuple[HTTPServer, dict[str, bytes]]) -> None:
    server, answer = ollama
    assert ollama_models(port=server.server_port) == ["llama3", "qwen"]
    for strange in (b"[]", b"{}", b"not json", b'{"data":[1]}', b'{"data":{}}'):
        answer["body"] = strange
        assert ollama_models(port=server.server_port) == []
    assert ollama_models(port=free_port()) == []
