"""Money through the real processes: what a call costs, that it is booked once, and that a crash loses and invents none.

Decides that amounts are computed here from the price and from what the provider really sent, never from what the
gateway says, and that a wallet is looked at once it is at rest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.support.api import CHAT_PRICES, Tenant
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

_ASK: Any = [{"role": "user", "content": "Hello"}]
_INPUT = "a toll road"
# A gateway that was killed is started again, adopts the journal and reports: more than the 2 s of a request that ends.
_RECOVERED_S = 20.0

Call = Callable[[OpenAI, str], object]
# name, kind, upstream model, prices, how it is called, what it must cost
_CALLS: list[tuple[str, str, str, dict[str, str], Call, str]] = [
    (
        "tokens",
        "chat",
        "script:prompt=12,completion=16",
        dict(CHAT_PRICES),
        lambda client, model: client.chat.completions.create(model=model, messages=_ASK),
        "0.000044000",
    ),
    (
        "tokens-streamed",
        "chat",
        "script:prompt=12,completion=16",
        dict(CHAT_PRICES),
        lambda client, model: list(client.chat.completions.create(model=model, messages=_ASK, stream=True)),
        "0.000044000",
    ),
    (
        "tokens-cached",
        "chat",
        "script:prompt=12,cached=10,completion=16",
        {"input": "1.00", "cache_read": "0.10", "output": "2.00"},
        lambda client, model: client.chat.completions.create(model=model, messages=_ASK),
        "0.000035000",
    ),
    (
        "rounded-up",
        "chat",
        "script:prompt=1,completion=1",
        {"input": "0.0001", "output": "0.0001"},
        lambda client, model: client.chat.completions.create(model=model, messages=_ASK),
        "0.000000001",
    ),
    (
        "embeddings",
        "embedding",
        "sim-embed",
        {"input": "0.10"},
        lambda client, model: client.embeddings.create(model=model, input=_INPUT),
        "0.000000300",
    ),
    (
        "images",
        "image",
        "sim-image",
        {"image": "0.01"},
        lambda client, model: client.images.generate(model=model, prompt="a bridge", n=3),
        "0.030000000",
    ),
    (
        "per-request",
        "chat",
        "script:bytes=4",
        {"request": "0.003"},
        lambda client, model: client.chat.completions.create(model=model, messages=_ASK),
        "0.003000000",
    ),
    (
        "characters",
        "audio",
        "sim-speech",
        {"character": "15.00"},
        lambda client, model: client.audio.speech.create(model=model, input=_INPUT, voice="alloy").read(),
        "0.000165000",
    ),
    (
        "moderation",
        "moderation",
        "sim-moderation",
        {"request": "0.0005"},
        lambda client, model: client.moderations.create(model=model, input=_INPUT),
        "0.000500000",
    ),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose gateway is killed here; its simulator lives on."""
    with Stack(tmp_path_factory.mktemp("money")) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "kind", "upstream_model", "prices", "call", "cost"), _CALLS, ids=lambda v: str(v)[:16]
)
def test_each_kind_posts_exactly_one_transaction(
    stack: Stack, name: str, kind: str, upstream_model: str, prices: dict[str, str], call: Call, cost: str
) -> None:
    tenant = stack.api.tenant("1.00")
    model = stack.api.model(f"price-{name}", upstream_model, kind=kind, prices=prices)
    call(stack.openai(tenant.key), model)
    row = stack.api.usage(tenant.account, 1)[0]
    assert (row["outcome"], row["status"], row["model"]) == ("settled", 200, model)
    assert Decimal(row["charge"]) == Decimal(cost)
    assert Decimal(row["hold"]) >= Decimal(row["charge"])
    wallet = stack.api.at_rest(tenant.account, "1.00")
    assert wallet.spent == Decimal(cost)
    settled = stack.api.transactions(tenant.account, "settle")
    assert [{leg["request_id"] for leg in legs} for legs in settled.values()] == [{row["request_id"]}]
    _assert_balanced(stack, tenant)


def _assert_balanced(stack: Stack, tenant: Tenant) -> None:
    for transaction, legs in stack.api.transactions(tenant.account).items():
        assert len(legs) >= 2
        assert sum(Decimal(leg["amount"]) for leg in legs) == 0, transaction


def test_what_failed_or_was_refused_costs_nothing(stack: Stack) -> None:
    tenant = stack.api.tenant("1.00")
    client = stack.openai(tenant.key)
    for script in ("status=500", "status=422", "garbage=body", "error_in_200"):
        model = stack.api.model(f"free-of-charge-{script.replace('=', '-')}", f"script:{script}")
        with pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model=model, messages=_ASK)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="sim-chat", messages=_ASK, max_tokens=-1)
    wallet = stack.api.at_rest(tenant.account, "1.00")
    assert (wallet.available, wallet.spent) == (Decimal("1.00"), Decimal(0))


def test_an_empty_wallet_is_told_before_the_provider_is_called_and_credit_helps_at_once(stack: Stack) -> None:
    upstream_model = "script:prompt=12,completion=16,bytes=11"
    tenant = stack.api.tenant(None)
    client = stack.openai(tenant.key)
    model = stack.api.model("for-money", upstream_model)
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=model, messages=_ASK, stream=stream)
        assert (caught.value.status_code, caught.value.code) == (402, "insufficient_balance")
    assert stack.simulator.log(upstream_model) == []
    assert client.models.list().data
    stack.api.credit(tenant.account, "0.50")
    assert client.chat.completions.create(model=model, messages=_ASK).choices
    assert len(stack.simulator.log(upstream_model, wait_ended=1)) == 1
    stack.api.usage(tenant.account, 1)
    assert stack.api.at_rest(tenant.account, "0.50").spent == Decimal("0.000044")


def test_a_wallet_is_never_overdrawn(stack: Stack) -> None:
    """Enough for two calls and a bit: the third is refused, and what was spent is what two calls cost."""
    tenant = stack.api.tenant("0.0070")
    client = stack.openai(tenant.key)
    model = stack.api.model("two-of-three", "script:bytes=3", prices={"request": "0.003"})
    answers = []
    for _ in range(3):
        try:
            client.chat.completions.create(model=model, messages=_ASK)
            answers.append(200)
        except openai.APIStatusError as error:
            answers.append(error.status_code)
    assert answers == [200, 200, 402]
    stack.api.usage(tenant.account, 2)
    assert stack.api.at_rest(tenant.account, "0.0070").available == Decimal("0.001")


def test_a_stream_that_breaks_is_charged_for_what_was_delivered(stack: Stack) -> None:
    tenant = stack.api.tenant("1.00")
    upstream_model = "script:chunks=10,bytes=400,cut=1500"
    model = stack.api.model("charged-in-part", upstream_model)
    with pytest.raises(openai.APIError):
        list(stack.openai(tenant.key).chat.completions.create(model=model, messages=_ASK, stream=True))
    row = stack.api.usage(tenant.account, 1)[0]
    sent = stack.simulator.log(upstream_model, wait_ended=1)[0]
    assert sent["content_bytes"] > 0
    # Counted by the rule for missing usage: bytes / 4, rounded up; "Hello" is two tokens.
    expected = Decimal(2 * 1 + 2 * -(-sent["content_bytes"] // 4)) / 1_000_000
    assert (row["estimated"], Decimal(row["charge"])) == (True, expected)


def test_a_killed_gateway_loses_and_invents_no_money(own: Stack) -> None:
    """SIGKILL in the middle of a stream: the successor adopts the journal and books what was under way, once."""
    upstream_model = "script:chunks=400,bytes=8000,gap_us=20000"
    tenant = own.api.tenant("1.00")
    model = own.api.model("killed", upstream_model)
    client = own.openai(tenant.key)
    client.chat.completions.create(model=own.api.model("before", "script:prompt=12,completion=16"), messages=_ASK)
    old = own.running("gateway")
    stream = iter(client.chat.completions.create(model=model, messages=_ASK, stream=True))
    for _ in range(80):  # more than 64 tokens: progress has been noted in the journal
        next(stream)
    os.kill(old, signal.SIGKILL)
    with pytest.raises((openai.APIError, httpx.TransportError)):
        list(stream)
    until(lambda: own.pid("gateway") not in (None, old), "another gateway", _RECOVERED_S)
    rows = own.api.usage(tenant.account, 2, _RECOVERED_S)
    assert [row["outcome"] for row in rows] == ["settled", "recovered"]
    wallet = own.api.at_rest(tenant.account, "1.00", _RECOVERED_S)
    sent = own.simulator.log(upstream_model, wait_ended=1)[0]
    truth = Decimal(2 + 2 * -(-sent["content_bytes"] // 4)) / 1_000_000
    assert 0 < Decimal(rows[1]["charge"]) <= truth
    assert wallet.spent == sum(Decimal(row["charge"]) for row in rows)
    assert len(own.api.transactions(tenant.account, "settle")) == 2
    _assert_balanced(own, tenant)
    # Nothing is left in the leases of the dead process: the whole wallet can be taken back.
    own.api.credit(tenant.account, f"-{wallet.available}")
    assert own.api.wallet(tenant.account).available == 0
