"""The official Python SDK on the real product: every call that a client makes first, and what its headers say."""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionToolParam

from tests.support.api import Tenant
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

_ASK: Any = [{"role": "user", "content": "Why do bridges charge a toll?"}]
_TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "toll_of",
        "description": "What a road costs",
        "parameters": {"type": "object", "properties": {"road": {"type": "string"}}, "required": ["road"]},
    },
}


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Tenant:
    return stack.api.tenant()


@pytest.fixture(scope="module")
def client(stack: Stack, tenant: Tenant) -> OpenAI:
    return stack.openai(tenant.key)


def test_chat_answers_with_usage_and_its_cost(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="sim-chat", messages=_ASK)
    answer, headers = raw.parse(), raw.headers
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert "toll" in (choice.message.content or "").lower()
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    cost = Decimal(answer.usage.prompt_tokens * 1 + answer.usage.completion_tokens * 2) / 1_000_000
    assert Decimal(headers["x-tollway-cost"]) == cost
    assert (headers["x-tollway-model"], headers["x-tollway-provider"]) == ("sim-chat", "simulator")
    assert headers["x-tollway-attempts"] == "1"
    assert int(headers["x-tollway-overhead-us"]) >= 0
    assert headers["content-type"].startswith("application/json")
    assert raw.request_id == headers["x-request-id"]


def test_a_client_s_own_request_id_comes_back_beside_ours(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="sim-chat", messages=_ASK, extra_headers={"x-request-id": "mine-1"}
    )
    assert raw.headers["x-client-request-id"] == "mine-1"
    assert raw.headers["x-request-id"] not in ("", "mine-1")


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_has_usage_exactly_when_asked(client: OpenAI, asked: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
    stream = client.chat.completions.create(model="sim-chat", messages=_ASK, stream=True, **options)
    with stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert "x-tollway-cost" not in stream.response.headers
        chunks = list(stream)
    talking = [chunk for chunk in chunks if chunk.choices]
    assert talking[0].choices[0].delta.role == "assistant"
    assert len("".join(chunk.choices[0].delta.content or "" for chunk in talking)) > 20
    assert [c.choices[0].finish_reason for c in talking if c.choices[0].finish_reason] == ["stop"]
    told = [chunk for chunk in chunks if not chunk.choices]
    assert len(told) == (1 if asked else 0)
    if asked:
        assert told[0].usage is not None
        assert told[0].usage.completion_tokens > 0


def test_a_stream_is_forwarded_as_it_comes(stack: Stack, tenant: Tenant) -> None:
    """The first chunk is read while the provider is still silent about the rest: nothing is held back."""
    model = stack.api.model("held-stream", "script:chunks=4,stall=mid")
    client = stack.openai(tenant.key)
    with client.chat.completions.create(model=model, messages=_ASK, stream=True) as stream:
        first = next(iter(stream))
        held = stack.simulator.log("script:chunks=4,stall=mid", wait_holding=1)
    assert first.choices
    assert held[0]["state"] == "holding"
    ended = stack.simulator.log("script:chunks=4,stall=mid", wait_ended=1, timeout_ms=1_000)
    assert ended[0]["ended"] == "client_gone"


def test_a_tool_is_called(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Use a tool on road A7"}]
    answer = client.chat.completions.create(model="sim-chat", messages=asked, tools=[_TOOL])
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("toll_of", {"road": "A7"})


def test_a_tool_is_called_in_a_stream(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Use a tool on road A7"}]
    with client.chat.completions.stream(model="sim-chat", messages=asked, tools=[_TOOL]) as stream:
        stream.until_done()
        answer = stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert json.loads(calls[0].function.arguments) == {"road": "A7"}
    assert answer.choices[0].finish_reason == "tool_calls"


def test_unknown_fields_reach_the_provider_byte_for_byte(stack: Stack, client: OpenAI) -> None:
    model = stack.api.model("passing", "script:bytes=9")
    extra = {"vendor": {"deep": [1.50, "ü", None]}, "reasoning_effort": "low"}
    client.chat.completions.create(model=model, messages=_ASK, extra_body=extra)
    attempt = stack.simulator.log("script:bytes=9", wait_ended=1)[0]
    body = json.loads(attempt["request_body"])
    assert {name: body[name] for name in extra} == extra
    assert body["model"] == "script:bytes=9"
    assert attempt["credential"] != client.api_key
    assert client.api_key not in attempt["request_head"]


def test_embeddings_come_as_the_sdk_asks_for_them(client: OpenAI) -> None:
    """The SDK asks for base64 by default and decodes it: the same numbers as floats."""
    packed = client.embeddings.create(model="sim-embed", input=["a toll road", "a river"])
    plain = client.embeddings.create(model="sim-embed", input=["a toll road", "a river"], encoding_format="float")
    assert [len(row.embedding) for row in packed.data] == [256, 256]
    assert math.isclose(sum(x * x for x in packed.data[0].embedding), 1, rel_tol=1e-4)
    for ours, theirs in zip(packed.data, plain.data, strict=True):
        assert ours.embedding == pytest.approx(theirs.embedding, abs=1e-6)
    assert packed.usage.prompt_tokens > 0


def test_images_are_drawn(client: OpenAI) -> None:
    answer = client.images.generate(model="sim-image", prompt="a bridge at dawn", n=2)
    assert answer.data is not None
    pictures = [base64.b64decode(image.b64_json or "") for image in answer.data]
    assert [picture[:8] for picture in pictures] == [b"\x89PNG\r\n\x1a\n"] * 2
    assert pictures[0] != pictures[1]


def test_models_are_those_the_key_may_call(stack: Stack, tenant: Tenant, client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {"sim-chat", "sim-embed", "sim-image"} <= set(listed)
    assert listed["sim-chat"].object == "model"
    assert client.models.retrieve("sim-chat").id == "sim-chat"
    _, narrow = stack.api.key(tenant.account, models=["sim-e*"])
    assert [model.id for model in stack.openai(narrow).models.list()] == ["sim-embed"]


def test_a_model_name_may_hold_slashes_and_colons(stack: Stack, client: OpenAI) -> None:
    name = stack.api.model("vendor/model:free", "script:bytes=5")
    assert client.models.retrieve(name).id == name
    assert client.chat.completions.create(model=name, messages=_ASK).choices[0].finish_reason == "stop"
