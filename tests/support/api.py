"""The control API in an operator's hand, and the simulated provider's plans and log: the two ends that a test holds.

Decides that every call that fails shows the whole answer, and that waiting is asking again with a bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from tests.support.waiting import until

# control-api.md: a request shows in wallet, usage and ledger within 2 s of its end.
BOOKED_S = 2.0
CHAT_PRICES: Mapping[str, str] = {"input": "1.00", "output": "2.00"}
# The upstream behind every model of a stack, under the name that the demo gives it.
SIMULATOR = "simulator"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account with a wallet and one key."""

    account: str
    key_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account's money, exact."""

    available: Decimal
    held: Decimal
    spent: Decimal


class Api:
    """The operator's token on the public port."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        )

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """An answer that succeeded; else an AssertionError that shows it."""
        response = self.http.request(method, path, json=body, headers=headers)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def get(self, path: str, **query: str) -> Any:
        response = self.http.get(path, params=query)
        assert response.is_success, f"GET {path}: {response.status_code} {response.text}"
        return response.json()

    def rows(self, path: str, **query: str) -> list[Any]:
        """All rows of a list, page by page."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, limit="200", **query, **cursor)
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def upstream(self, name: str, base_url: str, **fields: object) -> None:
        body = {"name": name, "provider": "openai", "base_url": base_url, "allow_private_address": True}
        self.call("POST", "/api/admin/upstreams", body | {"credentials": [{"secret": f"secret-of-{name}"}]} | fields)

    def model(
        self,
        name: str,
        upstream_model: str,
        *,
        kind: str = "chat",
        prices: Mapping[str, str] | None = CHAT_PRICES,
        upstream: str = SIMULATOR,
        **fields: object,
    ) -> str:
        """A model with one route; `prices=None` makes it free. Its name."""
        routes = [{"upstream": upstream, "upstream_model": upstream_model}]
        money: dict[str, object] = {"free": True} if prices is None else {"prices": dict(prices)}
        self.call("POST", "/api/admin/models", {"name": name, "kind": kind, "routes": routes} | money | fields)
        return name

    def account(self, credit: str | None = None, **fields: object) -> str:
        """An account, with money in its wallet when `credit` says so. Its id."""
        account: str = self.call("POST", "/api/admin/accounts", {"name": f"Account {next(_numbers)}"} | fields).json()[
            "id"
        ]
        if credit is not None:
            self.credit(account, credit)
        return account

    def credit(self, account: str, amount: str) -> None:
        path, number = f"/api/admin/accounts/{account}/credits", next(_numbers)
        self.call(
            "POST", path, {"amount": amount, "reason": "test"}, **{"idempotency-key": f"credit-{account}-{number}"}
        )

    def key(self, account: str, **fields: object) -> tuple[str, str]:
        """A key's id and secret."""
        made = self.call("POST", "/api/admin/keys", {"account_id": account, "name": "test"} | fields).json()
        return made["id"], made["secret"]

    def tenant(self, credit: str | None = "10.00", **key_fields: object) -> Tenant:
        """An account, its money and a key to call with."""
        account = self.account(credit)
        key_id, secret = self.key(account, **key_fields)
        return Tenant(account, key_id, secret)

    def wallet(self, account: str) -> Wallet:
        found = self.get(f"/api/admin/accounts/{account}")["wallet"]
        return Wallet(*(Decimal(found[name]) for name in ("available", "held", "spent")))

    def usage(self, account: str, rows: int, within_s: float = BOOKED_S) -> list[Any]:
        """The account's usage rows, oldest first, once there are `rows` of them."""

        def look() -> list[Any] | None:
            found = self.rows("/api/admin/usage", account_id=account)
            return found if len(found) >= rows else None

        return until(look, f"{rows} usage rows of {account}", within_s)[::-1]

    def at_rest(self, account: str, deposits: str, within_s: float = BOOKED_S) -> Wallet:
        """The wallet once nothing is held; asserts that not a nano went missing."""

        def look() -> Wallet | None:
            found = self.wallet(account)
            return found if found.held == 0 and found.available + found.spent == Decimal(deposits) else None

        try:
            return until(look, "the wallet at rest", within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.wallet(account)}, deposits {deposits}") from None

    def transactions(self, account: str, kind: str | None = None) -> dict[str, list[Any]]:
        """The account's ledger, leg by leg, under each transaction."""
        found: dict[str, list[Any]] = {}
        for leg in self.rows("/api/admin/ledger", account_id=account):
            if kind is None or leg["kind"] == kind:
                found.setdefault(leg["transaction_id"], []).append(leg)
        return found


class Simulator:
    """What the provider was asked and really sent."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _url(self, path: str) -> str:
        return f"{self.url}/__sim/{path}"

    def answers(self) -> bool:
        try:
            return httpx.get(self._url("stats"), timeout=1, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def plan(self, model: str, attempts: Sequence[Mapping[str, object]]) -> None:
        """Behaviour of the next attempts at an upstream model; the last entry repeats."""
        answer = httpx.post(self._url("plan"), json={"model": model, "attempts": list(attempts)}, trust_env=False)
        assert answer.is_success, answer.text

    def log(self, model: str, **wait: int) -> list[Any]:
        """The attempts at an upstream model, once `wait_started`, `wait_holding` or `wait_ended` are reached."""
        query: dict[str, str | int] = {"model": model, "timeout_ms": 5_000, **wait}
        answer = httpx.get(self._url("log"), params=query, timeout=30, trust_env=False)
        assert answer.status_code == 200, f"{wait}: {answer.text}"
        rows: list[Any] = answer.json()
        return rows
