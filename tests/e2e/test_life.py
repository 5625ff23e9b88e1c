"""Start, stop, and a gateway that is alone: exit codes, streams that end, what is served without a control plane.

Decides that one installation goes through its whole life here, in the order of the tests of this file.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.support.api import Tenant
from tests.support.load import Connection, chat_request
from tests.support.stack import Process, Stack
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.e2e

_ASK: Any = [{"role": "user", "content": "Hello"}]
_RESTART_S = 20.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("life")) as running:
        running.api.model("quick", "script:bytes=16")
        running.api.model("gratis", "script:bytes=16", prices=None)
        yield running


@pytest.fixture(scope="module")
def tenant(own: Stack) -> Tenant:
    return own.api.tenant("10.00")


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_SIGTERM_lets_streams_end_refuses_the_new_and_exits_0(own: Stack, tenant: Tenant) -> None:
    model = own.api.model("to-the-end", "script:chunks=80,bytes=320,gap_us=20000")
    assert own.serve is not None
    kept = Connection(own.port)
    assert kept.ask(chat_request(tenant.key, "quick")) == 200
    stream = own.openai(tenant.key).chat.completions.create(model=model, messages=_ASK, stream=True)
    chunks = [next(iter(stream))]
    own.serve.tell(signal.SIGTERM)
    until(lambda: _refused(own.port), "new callers to be refused")
    assert kept.ask(chat_request(tenant.key, "quick")) == 200
    assert not kept.is_open, "who comes on a kept connection is answered, and told that it closes"
    chunks += list(stream)
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) == 80
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert own.serve.wait() == 0
    kept.close()
    assert [own.pid(name) for name in ("serve", "gateway", "control")] == [None, None, None]


def test_a_gateway_alone_serves_from_its_sealed_snapshot(own: Stack, tenant: Tenant) -> None:
    """No control plane at all: keys and models are known, what is free is served, what costs waits for a wallet."""
    assert own.serve is not None
    assert own.serve.process.poll() == 0, "the installation is stopped by the test before"
    arguments = ["gateway", "--data", str(own.data), "--port", str(own.port)]
    alone = Process(arguments, own.folder / "gateway.log", **own.env | {"TOLLWAY_CONTROL_PORT": str(free_port())})
    try:
        until(lambda: _ready(own.url), "the gateway to be ready", _RESTART_S)
        client = own.openai(tenant.key)
        assert {"quick", "gratis"} <= {model.id for model in client.models.list()}
        assert client.chat.completions.create(model="gratis", messages=_ASK).choices
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="quick", messages=_ASK)
        assert (caught.value.status_code, caught.value.code) == (503, "wallet_unavailable")
        assert int(caught.value.response.headers["retry-after"]) >= 1
        with pytest.raises(openai.AuthenticationError):
            own.openai("sk-tw-nobody").chat.completions.create(model="gratis", messages=_ASK)
        assert httpx.get(f"{own.url}/api/admin/accounts", timeout=10).status_code == 503
    finally:
        alone.end()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def test_a_start_on_old_data_is_quick_and_books_what_was_left(own: Stack, tenant: Tenant) -> None:
    began = time.monotonic()
    own.start()
    assert time.monotonic() - began < 10  # 3 s is the promise on a quiet machine; the tests share theirs
    # What was refused leaves no row.
    rows = own.api.usage(tenant.account, 4, _RESTART_S)
    assert sorted(row["model"] for row in rows) == ["gratis", "quick", "quick", "to-the-end"]
    own.api.at_rest(tenant.account, "10.00")
    assert own.openai(tenant.key).chat.completions.create(model="quick", messages=_ASK).choices


def test_a_second_signal_ends_it_at_once_and_the_next_start_settles(own: Stack, tenant: Tenant) -> None:
    upstream_model = "script:chunks=9,bytes=90,stall=mid"
    model = own.api.model("never-ending", upstream_model)
    assert own.serve is not None
    stream = own.openai(tenant.key).chat.completions.create(model=model, messages=_ASK, stream=True)
    next(iter(stream))
    own.simulator.log(upstream_model, wait_holding=1)
    own.serve.tell(signal.SIGTERM)
    until(lambda: _refused(own.port), "new callers to be refused")
    began = time.monotonic()
    own.serve.tell(signal.SIGTERM)
    assert own.serve.wait(10) == 1
    assert time.monotonic() - began < 3
    with contextlib.suppress(openai.APIError, httpx.TransportError):
        list(stream)
    own.start()
    rows = own.api.usage(tenant.account, 6, _RESTART_S)
    assert (rows[-1]["model"], rows[-1]["outcome"]) == ("never-ending", "recovered")
    own.api.at_rest(tenant.account, "10.00", _RESTART_S)


def _refuses_to_start(process: Process) -> bool:
    """Whether it leaves by itself as wrongly used; ended in any case."""
    try:
        return process.wait(10) == 2
    except subprocess.TimeoutExpired:
        process.end()
        return False


def test_a_folder_is_served_once(own: Stack) -> None:
    other = Process(["serve", "--data", str(own.data), "--port", "0"], own.folder / "second.log", **own.env)
    assert _refuses_to_start(other)
    assert "is served already, by process" in other.tail()


def test_a_taken_port_is_named(own: Stack) -> None:
    arguments = ["serve", "--data", str(own.folder / "elsewhere"), "--port", str(own.port)]
    other = Process(arguments, own.folder / "taken.log", **own.env)
    assert _refuses_to_start(other)
    assert str(own.port) in other.tail()
