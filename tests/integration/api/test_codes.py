"""Redemption codes: made once, shown once, paid in once, whoever types them and however many at once."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tollway.codes.guesses import UNKNOWN_MAX, Guesses
from tollway.db.tables import AuditRow, EntryRow, MembershipRow, RedemptionCodeRow, TransferRow
from tollway.http.brake import WINDOW_S
from tollway.ledger import check_invariants

pytestmark = pytest.mark.integration
CODES = "/api/admin/redemption-codes"


async def make(api: Api, amount: str = "5.00", **body: Any) -> Any:
    return await api.make(CODES, {"amount": amount} | body)


async def redeem(api: Api, code: str, account: str, **more: Any) -> Any:
    return await api.call("POST", f"/api/wallet/redeem?account_id={account}", {"code": code}, **more)


async def available(api: Api, account: str) -> str:
    return str((await api.get(f"/api/wallet?account_id={account}"))["available"])


async def test_codes_are_made_many_and_kept_as_digests_only(api: Api) -> None:
    made = await make(api, "2.50", count=1000, note="spring fair")
    assert (made["amount"], made["note"]) == ("2.50", "spring fair")
    assert len(set(made["codes"])) == len(set(made["ids"])) == 1000
    for code in made["codes"]:
        assert re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}", code), code
    async with api.db.read_tx() as tx:
        rows = {row.id: row for row in await tx.session.scalars(select(RedemptionCodeRow))}
        audit = (await tx.session.scalars(select(AuditRow).where(AuditRow.action == "code.create"))).one()
    for code_id, code in zip(made["ids"], made["codes"], strict=True):
        row = rows[code_id]
        assert (row.amount_nano, row.hint, len(row.digest)) == (2_500_000_000, f"{code[:5]}…", 32)
    assert audit.after is not None
    assert audit.after["ids"] == made["ids"]
    listed = (await api.call("GET", f"{CODES}?limit=200")).text + str(audit.after)
    assert not any(code in listed or code[6:] in listed for code in made["codes"])


async def test_a_code_is_paid_in_and_says_so_everywhere(api: Api) -> None:
    account = await api.account()
    made = await make(api, "5.000000001")
    code, code_id = made["codes"][0], made["ids"][0]
    answer = await redeem(api, code, account, status=200)
    paid = answer.json()
    assert (paid["amount"], paid["wallet"]["available"]) == ("5.000000001", "5.000000001")
    assert int(answer.headers["x-tollway-generation"]) == (await api.state())[0]
    assert await available(api, account) == "5.000000001"
    entry = (await api.get(f"/api/wallet/entries?account_id={account}"))["data"][0]
    assert (entry["kind"], entry["amount"], entry["transaction_id"]) == ("deposit", "5.000000001", paid["id"])
    assert entry["reason"] == f"redemption code {code[:5]}…"
    row = (await api.get(f"{CODES}?state=redeemed"))["data"][0]
    assert (row["id"], row["state"], row["redeemed_account_id"]) == (code_id, "redeemed", account)
    assert row["redeemed_by"] == "operator-token"
    assert row["redeemed_at"] is not None
    async with api.db.read_tx() as tx:
        audit = (await tx.session.scalars(select(AuditRow).where(AuditRow.action == "code.redeem"))).one()
        assert (audit.object, audit.actor) == (code_id, "operator-token")
        assert [finding for finding in await check_invariants(tx) if not finding.ok] == []


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: f"  {code.replace('-', ' - ')}\t",
        lambda code: code.replace("-", "\u2013"),
        lambda code: code.replace("0", "o").replace("1", "l"),
        lambda code: code.replace("0", "O").replace("1", "I"),
        lambda code: "".join(chr(ord(char) + 0xFEE0) for char in code),
    ],
)
async def test_codes_may_be_typed_by_people(api: Api, typed: Any) -> None:
    account = await api.account()
    code = (await make(api))["codes"][0]
    await redeem(api, typed(code), account, status=200)
    assert await available(api, account) == "5.00"


async def test_of_many_at_once_one_gets_the_money(api: Api) -> None:
    accounts = [await api.account() for _ in range(4)]
    codes = (await make(api, "1.00", count=5))["codes"]
    answers = await asyncio.gather(*(redeem(api, code, account) for code in codes for account in accounts * 3))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 55
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"code_used"}
    wallets = [float(await available(api, account)) for account in accounts]
    assert sum(wallets) == 5.0
    async with api.db.read_tx() as tx:
        assert len((await tx.session.scalars(select(TransferRow))).all()) == 5
        legs = (await tx.session.scalars(select(EntryRow))).all()
        assert (len(legs), sum(leg.amount_nano * leg.side for leg in legs)) == (10, 0)
        assert [finding for finding in await check_invariants(tx) if not finding.ok] == []


async def test_a_used_code_says_when_and_whether_it_was_you(api: Api) -> None:
    team = await api.account()
    browsers = {}
    for name in ("ada", "bob"):
        person = await api.user(f"{name}@example.com")
        async with api.db.write_tx() as tx:
            tx.add(MembershipRow(account_id=team, user_id=person["id"], role="member"))
        browsers[name] = await api.sign_in(f"{name}@example.com")
    code = (await make(api))["codes"][0]
    mine, own = f"/api/wallet/redeem?account_id={team}", "/api/wallet/redeem"
    await api.call("POST", mine, {"code": code}, operator=False, headers=browsers["ada"], status=200)
    for who, path, expected in (
        ("ada", mine, ", by you;"),
        ("ada", own, ", by you, for another account;"),
        ("bob", mine, ", by somebody else in this account;"),
        ("bob", own, ", by somebody else;"),
    ):
        answer = await api.call("POST", path, {"code": code}, operator=False, headers=browsers[who], status=409)
        problem = answer.json()
        assert problem["code"] == "code_used"
        assert expected in problem["detail"], who
        assert re.search(r"on \d{4}-\d\d-\d\d at \d\d:\d\d UTC", problem["detail"])
    assert await available(api, team) == "5.00"


async def test_an_unused_code_can_be_revoked_and_a_used_one_not(api: Api) -> None:
    account = await api.account()
    made = await make(api, count=2)
    await redeem(api, made["codes"][0], account, status=200)
    before = await api.state()
    answer = await api.call("DELETE", f"{CODES}/{made['ids'][0]}", status=409)
    assert answer.json()["code"] == "code_used"
    assert await api.state() == before
    for _ in range(2):
        await api.call("DELETE", f"{CODES}/{made['ids'][1]}", status=204)
    assert (await api.state())[1] == before[1] + 1
    answer = await redeem(api, made["codes"][1], account, status=409)
    assert (answer.json()["code"], "revoked" in answer.json()["detail"]) == ("conflict", True)
    await api.call("DELETE", f"{CODES}/code_nothing", status=404)
    assert await available(api, account) == "5.00"


async def test_redeeming_and_revoking_at_once_end_in_one_of_them(api: Api) -> None:
    account = await api.account()
    made = await make(api, "1", count=6)
    both = [redeem(api, code, account) for code in made["codes"]]
    both += [api.call("DELETE", f"{CODES}/{code_id}") for code_id in made["ids"]]
    answers = [answer.status_code for answer in await asyncio.gather(*both)]
    for paid, revoked in zip(answers[:6], answers[6:], strict=True):
        assert (paid, revoked) in ((200, 409), (409, 204))
    assert float(await available(api, account)) == answers.count(200)


async def test_the_list_filters_by_what_became_of_codes(api: Api) -> None:
    account = await api.account()
    made = await make(api, count=3, note="for the fair")
    await redeem(api, made["codes"][0], account, status=200)
    await api.call("DELETE", f"{CODES}/{made['ids'][1]}", status=204)
    for state, code_id in zip(("redeemed", "revoked", "open"), made["ids"], strict=True):
        rows = (await api.get(f"{CODES}?state={state}"))["data"]
        assert [(row["id"], row["state"]) for row in rows] == [(code_id, state)]
    first = await api.get(f"{CODES}?limit=2&q=fair")
    rest = await api.get(f"{CODES}?limit=2&q=fair&cursor={first['next_cursor']}")
    assert [row["id"] for row in first["data"] + rest["data"]] == made["ids"][::-1]
    assert (await api.get(f"{CODES}?q=nothing"))["data"] == []
    await api.call("GET", f"{CODES}?state=lost", status=422)


async def test_ten_unknown_codes_and_then_a_pause(api: Api, app: Litestar) -> None:
    now = [0.0]
    app.state.guesses = Guesses(lambda: now[0])
    account, other = await api.account(), await api.account()
    code = (await make(api))["codes"][0]
    answers = await asyncio.gather(*(redeem(api, f"nonsense-{n}", account) for n in range(UNKNOWN_MAX + 5)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(404), statuses.count(429)) == (UNKNOWN_MAX, 5)
    answer = await redeem(api, code, account, status=429)
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("rate_limited", str(WINDOW_S))
    await redeem(api, "nonsense", other, status=429)  # the same address
    now[0] += WINDOW_S
    await redeem(api, code, account, status=200)


async def test_known_codes_are_no_guesses(api: Api) -> None:
    account = await api.account()
    made = await make(api, count=UNKNOWN_MAX + 3)
    for code in made["codes"]:
        await redeem(api, code, account, status=200)
        await redeem(api, code, account, status=409)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "0.0000000001"}, "amount"),
        ({"amount": "1000000001"}, "amount"),
        ({"amount": 1}, "amount"),
        ({"amount": "1", "count": 0}, "count"),
        ({"amount": "1", "count": 1001}, "count"),
        ({"amount": "1", "count": "2"}, "count"),
        ({"amount": "1", "note": "a\nb"}, "note"),
        ({"amount": "1", "note": "x" * 501}, "note"),
        ({"amount": "1", "code": "MYCODE"}, "code"),
        ({}, "amount"),
    ],
)
async def test_bad_wishes_name_the_field_and_make_nothing(api: Api, body: Any, field: str) -> None:
    before = await api.state()
    problem = (await api.call("POST", CODES, body, status=422)).json()
    assert problem["errors"][0]["field"] == field
    assert await api.state() == before
    assert (await api.get(CODES))["data"] == []


@pytest.mark.parametrize("code", ["", "x" * 101, None, 5])
async def test_bad_codes_are_refused_by_field(api: Api, code: Any) -> None:
    account = await api.account()
    problem = (await redeem(api, code, account, status=422)).json()
    assert problem["errors"][0]["field"] == "code"


@pytest.mark.parametrize("code", ["-", "\U0001f600" * 20, "' OR 1=1 --", "%"])
async def test_strange_codes_are_unknown(api: Api, code: str) -> None:
    await make(api)
    account = await api.account()
    await redeem(api, code, account, status=404)
    assert await available(api, account) == "0.00"
