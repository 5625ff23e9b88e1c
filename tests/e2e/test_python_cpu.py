"""The CPU of Python's threads in the gateway while requests are relayed is next to nothing.

Decides that "Python's threads" are all but the core's own (`core-*`), that they are measured by the scheduler's own
account, and that the measure is shown to see Python at work: a few calls that Python does answer must stand out.
"""

from __future__ import annotations

import httpx
import pytest

from tests.support import cpu
from tests.support.load import Load, chat_request
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

_REQUESTS = 10_000
_THREADS = 4
# Status, snapshot and timers go on in Python whatever is relayed: a small part of a millisecond per second.
_PYTHON_US_PER_REQUEST_MAX = 0.5
_PYTHON_SHARE_MAX = 0.01
_STATUS_CALLS = 300
_STATUS_US_MIN = 20.0


def _split(spent: dict[str, int]) -> tuple[int, int]:
    """Nanoseconds of the core's threads, and of all others."""
    core = sum(ns for name, ns in spent.items() if name.startswith("core-"))
    return core, sum(spent.values()) - core


def test_relaying_costs_no_python(stack: Stack) -> None:
    tenant = stack.api.tenant("100.00")
    model = stack.api.model("cpu", "script:body_bytes=1024")
    gateway = stack.running("gateway")
    before = cpu.by_thread(gateway)
    each = _REQUESTS // _THREADS
    request = chat_request(tenant.key, model)
    with Load(stack.port, request, threads=_THREADS, requests=each, pause_s=0) as load:
        load.join()
    spent = cpu.spent(before, cpu.by_thread(gateway))
    core_ns, python_ns = _split(spent)
    assert load.failures() == []
    assert load.count() == _REQUESTS
    assert core_ns > _REQUESTS * 5_000, f"the core's threads are not seen: {spent}"
    assert python_ns / 1_000 / _REQUESTS <= _PYTHON_US_PER_REQUEST_MAX, spent
    assert python_ns / core_ns <= _PYTHON_SHARE_MAX, spent

    before = cpu.by_thread(gateway)
    with httpx.Client(base_url=stack.node_api()) as client:
        for _ in range(_STATUS_CALLS):
            assert client.get("/api/status").is_success
    _, python_ns = _split(cpu.spent(before, cpu.by_thread(gateway)))
    assert python_ns / 1_000 / _STATUS_CALLS >= _STATUS_US_MIN, "the measure does not see Python at work"
    stack.api.at_rest(tenant.account, "100.00", within_s=30)
