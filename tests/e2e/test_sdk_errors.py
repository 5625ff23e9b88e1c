"""Every error class of the official SDK, raised by the SDK itself from what the gateway answers, with code and fate.

Decides that the provider's faults are real ones (scripts of the simulated provider) and that retries of the SDK are off
where the first answer is the subject.
"""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.support.api import Tenant
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

_ASK: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Tenant:
    return stack.api.tenant()


@pytest.fixture(scope="module")
def client(stack: Stack, tenant: Tenant) -> OpenAI:
    return stack.openai(tenant.key)


def _chat(client: OpenAI, model: str, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=_ASK, **more)


def _told(error: openai.APIStatusError) -> tuple[int, str | None]:
    """Status and code, after a look at what every answer has."""
    assert error.request_id
    assert isinstance(error.body, dict)
    assert error.body["message"]
    assert error.type
    return error.status_code, error.code


def _stream_to_its_break(client: OpenAI, model: str) -> tuple[list[Any], openai.APIError]:
    """What was read of a stream, and what it then raised."""
    read: list[Any] = []
    try:
        for chunk in _chat(client, model, stream=True):
            read.append(chunk)
    except openai.APIError as error:
        return read, error
    pytest.fail("the stream ended as if it were whole")


def test_401_is_an_AuthenticationError(stack: Stack) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        _chat(stack.openai("sk-tw-nobody"), "sim-chat")
    assert _told(caught.value) == (401, "invalid_api_key")
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_401_names_a_key_that_is_disabled(stack: Stack, tenant: Tenant) -> None:
    key_id, secret = stack.api.key(tenant.account)
    stack.api.call("PATCH", f"/api/admin/keys/{key_id}", {"enabled": False})
    with pytest.raises(openai.AuthenticationError) as caught:
        _chat(stack.openai(secret), "sim-chat")
    assert _told(caught.value) == (401, "key_disabled")


def test_403_is_a_PermissionDeniedError(stack: Stack, tenant: Tenant) -> None:
    cases = {"endpoint_not_allowed": {"endpoints": ["embeddings"]}, "ip_not_allowed": {"allow_ips": ["192.0.2.0/24"]}}
    for code, fields in cases.items():
        _, secret = stack.api.key(tenant.account, **fields)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            _chat(stack.openai(secret), "sim-chat")
        assert _told(caught.value) == (403, code)


def test_404_is_a_NotFoundError(stack: Stack, tenant: Tenant, client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        _chat(client, "no-such-model")
    assert _told(caught.value) == (404, "model_not_found")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert _told(caught.value) == (404, "model_not_found")
    with pytest.raises(openai.NotFoundError) as caught:
        client.get("/no/such/path", cast_to=object)
    assert _told(caught.value) == (404, "not_found")


def test_400_is_a_BadRequestError_that_names_the_field(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        _chat(client, "sim-chat", max_tokens=-1)
    assert _told(caught.value) == (400, "invalid_request")
    assert caught.value.param == "max_tokens"
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="sim-chat", input="x")
    assert (_told(caught.value), caught.value.param) == ((400, "invalid_request"), "model")


def test_422_of_the_provider_is_an_UnprocessableEntityError(stack: Stack, client: OpenAI) -> None:
    model = stack.api.model("unprocessable", "script:status=422")
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        _chat(client, model)
    assert caught.value.status_code == 422
    assert "answers with 422" in caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_409_of_the_provider_is_a_ConflictError(stack: Stack, client: OpenAI) -> None:
    model = stack.api.model("conflicting", "script:status=409")
    with pytest.raises(openai.ConflictError):
        _chat(client, model)


def test_429_is_a_RateLimitError_with_its_headers(stack: Stack, tenant: Tenant) -> None:
    _, secret = stack.api.key(tenant.account, limits={"rpm": 1})
    client = stack.openai(secret)
    first = client.chat.completions.with_raw_response.create(model="sim-chat", messages=_ASK)
    assert (first.headers["x-ratelimit-limit-requests"], first.headers["x-ratelimit-remaining-requests"]) == ("1", "0")
    with pytest.raises(openai.RateLimitError) as caught:
        _chat(client, "sim-chat")
    assert _told(caught.value) == (429, "rate_limit_exceeded")
    assert isinstance(caught.value.body, dict)
    assert (caught.value.body["scope"], caught.value.body["limit"]) == ("key", "requests")
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert 0 < int(headers["retry-after-ms"]) <= 60_000


def test_402_is_an_APIStatusError(stack: Stack) -> None:
    poor = stack.api.tenant(None)
    with pytest.raises(openai.APIStatusError) as caught:
        _chat(stack.openai(poor.key), "sim-chat")
    assert _told(caught.value) == (402, "insufficient_balance")
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("name", "script", "status", "code"),
    [
        ("broken", "script:status=500", 502, "upstream_error"),
        ("refusing", "script:status=401", 502, "upstream_error"),
        ("not-json", "script:garbage=body", 502, "upstream_error"),
        ("not-http", "script:garbage=http", 502, "upstream_error"),
        ("resetting", "script:reset=0", 502, "upstream_error"),
        ("short", "script:cut=20,length=content", 502, "upstream_error"),
        ("error-in-200", "script:error_in_200", 502, "upstream_error"),
    ],
)
def test_502_is_an_InternalServerError(
    stack: Stack, client: OpenAI, tenant: Tenant, name: str, script: str, status: int, code: str
) -> None:
    stack.api.model(name, script)
    with pytest.raises(openai.InternalServerError) as caught:
        _chat(client, name)
    assert _told(caught.value) == (status, code)
    assert tenant.key not in caught.value.message


def test_503_is_an_InternalServerError(stack: Stack, client: OpenAI) -> None:
    stack.api.upstream("asleep", "http://127.0.0.1:9/v1", enabled=False)
    model = stack.api.model("sleeping", "x", upstream="asleep")
    with pytest.raises(openai.InternalServerError) as caught:
        _chat(client, model)
    assert _told(caught.value) == (503, "no_healthy_upstream")
    assert int(caught.value.response.headers["retry-after"]) >= 1


def test_504_is_an_InternalServerError(stack: Stack, client: OpenAI) -> None:
    stack.api.upstream("slow", f"{stack.simulator.url}/v1", timeouts={"first_byte_ms": 200})
    model = stack.api.model("slow", "script:stall=connect", upstream="slow")
    with pytest.raises(openai.InternalServerError) as caught:
        _chat(client, model)
    assert _told(caught.value) == (504, "upstream_timeout")


def test_a_broken_stream_raises_in_the_middle(stack: Stack, client: OpenAI) -> None:
    """One error event, never a clean end: the SDK raises, however the provider broke off."""
    scripts = (
        "chunks=8,cut=700",
        "chunks=8,reset=700",
        "chunks=8,error_event=3",
        "chunks=8,no_done,no_finish,bytes=80",
    )
    for number, script in enumerate(scripts):
        model = stack.api.model(f"breaking-{number}", f"script:{script}")
        chunks, error = _stream_to_its_break(client, model)
        assert chunks, script
        assert not isinstance(error, openai.APIStatusError), script
        assert error.code == "upstream_error", script


def test_a_silent_stream_raises_a_timeout_of_ours(stack: Stack, client: OpenAI) -> None:
    stack.api.upstream("falls-silent", f"{stack.simulator.url}/v1", timeouts={"idle_ms": 200})
    model = stack.api.model("falls-silent", "script:chunks=6,stall=mid", upstream="falls-silent")
    chunks, error = _stream_to_its_break(client, model)
    assert chunks
    assert error.code == "upstream_timeout"


def test_a_client_that_gives_up_raises_APITimeoutError_and_the_provider_is_left(stack: Stack, tenant: Tenant) -> None:
    model = stack.api.model("hanging", "script:stall=head")
    with pytest.raises(openai.APITimeoutError):
        _chat(stack.openai(tenant.key, timeout=0.3), model)
    attempt = stack.simulator.log("script:stall=head", wait_ended=1, timeout_ms=1_000)[0]
    assert attempt["ended"] == "client_gone"


def test_the_sdk_s_own_retries_get_through_a_fault_that_passes(stack: Stack, client: OpenAI) -> None:
    """Two routes fail once each time; the SDK comes again, as x-should-retry does not forbid it."""
    model = stack.api.model("hiccup", "hiccup-upstream")
    stack.simulator.plan("hiccup-upstream", [{"status": 500}, {"status": 500}, {"bytes": 8}])
    answer = _chat(client.with_options(max_retries=2), model)
    assert answer.choices[0].finish_reason == "stop"
    assert [row["status"] for row in stack.simulator.log("hiccup-upstream")] == [500, 500, 200]
