"""What people do with a gateway, for `make locust`: short chats, and streams that are read as they come.

Decides what is shown beside locust's own figures: for a stream the time to its first token and the gaps between tokens,
as requests of the types `first token` and `gap`; a stream that ends without [DONE] counts as a failure. The key comes
from TOLLWAY_KEY, the model from TOLLWAY_MODEL. Locust lives in an environment of its own (requirements/bench.lock).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable

from locust import HttpUser, between, events, task

KEY = os.environ.get("TOLLWAY_KEY", "")
MODEL = os.environ.get("TOLLWAY_MODEL", "sim-chat")
PATH = "/v1/chat/completions"
STREAM_WAIT_S = 120
QUESTIONS = (
    "What does a toll pay for?",
    "Write two lines about a bridge at night.",
    "Sum up: carts were weighed at the gate, and the keeper wrote each weight down.",
    "Which is longer, a mile or a kilometre?",
)


def request_body(*, stream: bool) -> dict[str, object]:
    """A small chat with one of a few questions."""
    return {"model": MODEL, "messages": [{"role": "user", "content": random.choice(QUESTIONS)}], "stream": stream}


class StreamFailed(Exception):
    """A stream that did not come to its end."""


class Caller(HttpUser):
    """A program that asks, reads and asks again."""

    wait_time = between(0.2, 1.0)

    def on_start(self) -> None:
        if not KEY:
            raise RuntimeError("TOLLWAY_KEY is needed; make locust sets it")
        self.client.headers["Authorization"] = f"Bearer {KEY}"

    @task(3)
    def chat(self) -> None:
        """One answer, whole; it must be a chat completion with text and usage."""
        with self.client.post(PATH, json=request_body(stream=False), name="chat", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}: {answer.text[:200]}")
                return
            said = answer.json()
            if not said["choices"][0]["message"]["content"] or said["usage"]["completion_tokens"] < 1:
                answer.failure("an answer without text or usage")

    @task(2)
    def stream(self) -> None:
        """One stream, token by token."""
        started_s = time.perf_counter()
        with self.client.post(
            PATH, json=request_body(stream=True), name="stream", stream=True, catch_response=True, timeout=STREAM_WAIT_S
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}: {answer.text[:200]}")
                return
            try:
                read_stream(answer.iter_lines(), started_s)
            except StreamFailed as error:
                answer.failure(str(error))


def read_stream(lines: Iterable[bytes], started_s: float) -> None:
    """Reads events to [DONE] and reports the first token and each gap. StreamFailed when it ends otherwise."""
    last_s = 0.0
    for line in lines:
        if not line.startswith(b"data: "):
            continue
        if line == b"data: [DONE]":
            if not last_s:
                raise StreamFailed("a stream without a token")
            return
        event = json.loads(line.removeprefix(b"data: "))
        if "error" in event:
            raise StreamFailed(f"an error in the stream: {event['error'].get('code')}")
        if not any(choice.get("delta", {}).get("content") for choice in event.get("choices", [])):
            continue
        now_s = time.perf_counter()
        kind, since_s = ("gap", last_s) if last_s else ("first token", started_s)
        measured(kind, (now_s - since_s) * 1000, len(line))
        last_s = now_s
    raise StreamFailed("a stream ended without [DONE]")


def measured(kind: str, elapsed_ms: float, size_bytes: int) -> None:
    """One more line of locust's table."""
    events.request.fire(
        request_type=kind,
        name="stream",
        response_time=elapsed_ms,
        response_length=size_bytes,
        exception=None,
        context={},
    )
