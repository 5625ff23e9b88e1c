"""Values at the ends of what can be stored: refused by name, nothing lost, never a fault of ours."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.integration.api.conftest import Api

pytestmark = pytest.mark.integration

BEFORE_TIME = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")


@pytest.mark.parametrize("moment", BEFORE_TIME)
async def test_a_moment_that_is_none_in_utc_is_refused(api: Api, moment: str) -> None:
    account = await api.account()
    before = await api.state()
    for path in ("/api/usage", "/api/usage.csv", "/api/usage/summary", "/api/wallet/entries"):
        for end in ("from", "to"):
            query = {"account_id": account, end: moment}
            refused = await api.call("GET", path, params=query, status=422)
            assert refused.json()["errors"][0]["field"] == end
    for path, body in (("/api/admin/keys", {"account_id": account, "name": "k"}), ("/api/admin/invites", {})):
        refused = await api.call("POST", path, body | {"expires_at": moment}, status=422)
        assert refused.json()["errors"][0]["field"] == "expires_at"
    assert await api.state() == before


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/api/admin/usage", ["2026-01-01T00:00:00", "n", 1, 1]),
        ("/api/admin/usage", ["0001-01-01T00:00:00+14:00", "n", 1, 1]),
        ("/api/admin/usage", ["2026-01-01T00:00:00Z", "n", 2**63, 1]),
        ("/api/admin/usage", ["2026-01-01T00:00:00Z", "n\0", 1, 1]),
        ("/api/admin/ledger", [2**64 - 1]),
        ("/api/admin/groups", ["g\0"]),
    ],
)
async def test_a_cursor_that_no_list_gave_is_refused(api: Api, path: str, values: list[Any]) -> None:
    cursor = base64.urlsafe_b64encode(msgspec.msgpack.encode(values)).decode().rstrip("=")
    refused = await api.call("GET", path, params={"cursor": cursor}, status=422)
    assert refused.json()["errors"][0]["field"] == "cursor"


async def test_a_wallet_that_is_full_refuses_a_code_and_leaves_it_worth_its_money(api: Api) -> None:
    full, other = await api.account(), await api.account(name="Other")
    codes = (await api.make("/api/admin/redemption-codes", {"amount": "1000000000", "count": 10}))["codes"]
    for code in codes[:9]:
        await api.call("POST", f"/api/wallet/redeem?account_id={full}", {"code": code}, status=200)
    before = await api.state()
    refused = await api.call("POST", f"/api/wallet/redeem?account_id={full}", {"code": codes[9]}, status=409)
    assert refused.json()["code"] == "conflict"
    assert await api.state() == before
    assert (await api.get(f"/api/wallet?account_id={full}"))["available"] == "9000000000.00"
    await api.call("POST", f"/api/wallet/redeem?account_id={other}", {"code": codes[9]}, status=200)
    assert (await api.get(f"/api/wallet?account_id={other}"))["available"] == "1000000000.00"
