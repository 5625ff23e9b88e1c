"""What operators do and what machines do to them, while requests run: nobody who may call notices.

Decides that every statement is made about all requests of a load, and that the load itself shows that it ran on: each
fault is followed by a number of further requests.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.api import Tenant
from tests.support.load import Connection, Load, chat_request
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

_ASK: Any = [{"role": "user", "content": "Hello"}]
# A change must be in the core within a second.
_CHANGE_S = 1.0
_RESTART_S = 20.0
_HOLD_MS = 5_000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("operations")) as running:
        running.api.model("quick", "script:bytes=16")
        yield running


@pytest.fixture
def tenant(own: Stack) -> Tenant:
    return own.api.tenant("10.00")


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _is_silent(url: str) -> bool:
    try:
        httpx.get(url, timeout=1.0)
    except httpx.TimeoutException:
        return True
    return False


def test_a_revoked_key_is_refused_within_a_second_under_load(own: Stack, tenant: Tenant) -> None:
    with Load(own.port, chat_request(tenant.key, "quick")) as load:
        load.more(100)
        changed = time.monotonic()
        own.api.call("DELETE", f"/api/admin/keys/{tenant.key_id}")
        until(lambda: any(o.status == 401 for o in load.outcomes()), "a refusal", _CHANGE_S)
        load.more(100)
    outcomes = load.outcomes()
    assert {outcome.status for outcome in outcomes} == {200, 401}
    last_admitted = max(o.began for o in outcomes if o.status == 200)
    assert last_admitted - changed <= _CHANGE_S
    assert all(o.status == 401 for o in outcomes if o.began > last_admitted)


def test_a_change_is_in_the_core_within_a_second(own: Stack, tenant: Tenant) -> None:
    """Each change is seen in `/api/status`, and by its effect on the very next request."""
    ask = chat_request(tenant.key, "quick")
    connection = Connection(own.port)
    took_s = []
    for enabled in [False, True] * 10:
        began = time.monotonic()
        answer = own.api.call("PATCH", f"/api/admin/keys/{tenant.key_id}", {"enabled": enabled})
        generation = int(answer.headers["x-tollway-generation"])
        until(lambda wanted=generation: own.generation() >= wanted, "the generation", _CHANGE_S)  # type: ignore[misc]
        took_s.append(time.monotonic() - began)
        assert connection.ask(ask) == (200 if enabled else 401)
    connection.close()
    assert max(took_s) <= _CHANGE_S


def test_killing_the_control_plane_fails_no_request(own: Stack, tenant: Tenant) -> None:
    with Load(own.port, chat_request(tenant.key, "quick")) as load:
        load.more(100)
        old = own.running("control")
        os.kill(old, signal.SIGKILL)
        load.more(200)
        until(lambda: own.pid("control") not in (None, old), "another control plane", _RESTART_S)
        until(lambda: own.api.http.get(f"/api/admin/accounts/{tenant.account}").is_success, "its answer", _RESTART_S)
        load.more(100)
    assert load.failures() == []
    own.api.usage(tenant.account, load.count(), within_s=10)
    own.api.at_rest(tenant.account, "10.00")
    assert len(own.api.transactions(tenant.account, "settle")) == load.count()


def test_a_hand_over_fails_no_request(own: Stack, tenant: Tenant) -> None:
    """SIGHUP puts a fresh gateway on the same sockets; streams of the old one run to their end."""
    model = own.api.model("slow-stream", "script:chunks=120,bytes=480,gap_us=20000")
    client = own.openai(tenant.key)
    assert own.serve is not None
    with Load(own.port, chat_request(tenant.key, "quick")) as load:
        load.more(100)
        old = own.running("gateway")
        stream = client.chat.completions.create(model=model, messages=_ASK, stream=True)
        chunks = [next(iter(stream))]
        own.serve.tell(signal.SIGHUP)
        until(lambda: own.pid("gateway") not in (None, old), "another gateway", _RESTART_S)
        chunks += list(stream)
        until(lambda: _gone(old), "the old gateway's end", _RESTART_S)
        load.more(200)
    assert load.failures() == []
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) == 120
    own.api.usage(tenant.account, load.count() + 1, within_s=10)
    own.api.at_rest(tenant.account, "10.00")


def test_requests_do_not_wait_for_python(own: Stack, tenant: Tenant) -> None:
    """The interpreter's lock is held for five seconds: what needs Python waits, what is relayed does not."""
    held: list[httpx.Response] = []

    def hold() -> None:
        held.append(httpx.post(f"{own.node_api()}/__test/hold-gil", params={"ms": _HOLD_MS}, timeout=20))

    with Load(own.port, chat_request(tenant.key, "quick")) as load:
        load.more(100)
        began = time.monotonic()
        holder = threading.Thread(target=hold)
        holder.start()
        # Proof that it is held: the node API answers in Python, and does not now.
        until(lambda: _is_silent(f"{own.node_api()}/healthz"), "the node API to fall silent", _HOLD_MS / 1000)
        load.more(200)
        assert time.monotonic() - began < _HOLD_MS / 1000, "the load went on only after the lock was free"
        holder.join(20)
    assert [answer.status_code for answer in held] == [200]
    assert held[0].json()["others_ran"] <= 1, "other threads ran Python in between"
    assert load.failures() == []
    during = [o for o in load.outcomes() if began < o.began < began + _HOLD_MS / 1000]
    assert max(o.ended - o.began for o in during) < 1.0


def test_a_killed_gateway_comes_back_by_itself(own: Stack, tenant: Tenant) -> None:
    connection = Connection(own.port)
    ask = chat_request(tenant.key, "quick")
    assert connection.ask(ask) == 200
    old = own.running("gateway")
    os.kill(old, signal.SIGKILL)
    connection.close()
    until(lambda: own.pid("gateway") not in (None, old), "another gateway", _RESTART_S)
    assert connection.ask(ask) == 200  # waited in the socket that the supervisor holds, if need be
    connection.close()
