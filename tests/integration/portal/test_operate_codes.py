"""Codes and invites on the operators' pages: made once, shown once, refused by field, taken back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import pytest
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tests.integration.portal.operators import Browser, Forms, filled
from tollway.db.tables import AuditRow, IdempotencyRow

pytestmark = pytest.mark.integration

CODES, NEW_CODES = "/operate/codes", "/operate/codes/new"
SETTINGS, NEW_INVITE = "/operate/settings", "/operate/settings/invites/new"
CODE = re.compile(r"\b(?:[0-9A-Z]{5}-){4}[0-9A-Z]{5}\b")


async def codes(api: Api) -> list[str]:
    """Ids of all codes."""
    return [code["id"] for code in (await api.get("/api/admin/redemption-codes"))["data"]]


async def kept(api: Api) -> str:
    """All that the audit log and the ids of forms keep, as one text."""
    async with api.db.read_tx() as tx:
        audit = [str((row.before, row.after)) for row in await tx.session.scalars(select(AuditRow))]
        spent = [str(row.body) for row in await tx.session.scalars(select(IdempotencyRow))]
    return "\n".join(audit + spent)


async def test_codes_are_made_and_shown_once_and_are_good(api: Api) -> None:
    operator = await Browser.of(api)
    assert "No code yet" in await operator.get(CODES)
    form = filled(
        Forms(await operator.get(NEW_CODES)).having("amount"), {"amount": "2.5", "count": "3", "note": "Fair"}
    )
    answer = await operator.post(NEW_CODES, form)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = CODE.findall(answer.text)
    assert len(set(made)) == 3
    assert "3 codes of $2.50 each, $7.50 together." in answer.text
    # Loaded again, the page leads to the list: nothing is made and nothing is shown.
    before, ids = await api.state(), await codes(api)
    again = await operator.post(NEW_CODES, form)
    assert (again.status_code, again.headers["location"]) == (303, f"{CODES}?done=made-before")
    assert (await api.state(), await codes(api)) == (before, ids)
    html = await operator.get(again.headers["location"])
    assert "This form was sent before." in html
    assert html.count("$2.50") == 3
    assert not CODE.search(html)
    assert not CODE.search(await kept(api))
    # A form that was spent, with other values, is a new wish and gets a new id.
    other = await operator.post(NEW_CODES, filled(form, {"amount": "99"}))
    assert other.status_code == 409
    assert "sent before with other values" in Forms(other.text).alerts[0]
    assert Forms(other.text).value("amount") == "99"
    assert Forms(other.text).value("form_id") != dict(form)["form_id"]
    assert await codes(api) == ids
    assert (await operator.post(NEW_CODES, Forms(other.text).having("amount"))).status_code == 201

    await api.user("ada@example.com")
    ada = await api.sign_in("ada@example.com")
    await api.call("POST", "/api/wallet/redeem", {"code": made[1]}, operator=False, headers=ada, status=200)
    html = await operator.get(f"{CODES}?state=redeemed")
    assert "ada@example.com" in html
    assert made[1][:5] in html
    assert made[0][:5] not in html


async def test_two_clicks_at_once_make_codes_once(api: Api) -> None:
    operator = await Browser.of(api)
    form = filled(Forms(await operator.get(NEW_CODES)).having("amount"), {"amount": "1", "count": "2"})
    answers = await asyncio.gather(*(operator.post(NEW_CODES, form) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 303, 303, 303]
    assert len(await codes(api)) == 2


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"amount": ""}, "amount", "is required"),
        ({"amount": "0"}, "amount", "must not be zero"),
        ({"amount": "-5"}, "amount", "must not be negative"),
        ({"amount": "5,50"}, "amount", "must be a decimal number, such as 12.50"),
        ({"amount": "0.0000000001"}, "amount", "has more than 9 decimal places"),
        ({"amount": "1000000001"}, "amount", "must be at most 1000000000"),
        ({"count": ""}, "count", "is required"),
        ({"count": "0"}, "count", "must be at least 1"),
        ({"count": "1001"}, "count", "must be at most 1000"),
        ({"count": "some"}, "count", "must be a whole number"),
        ({"note": "n" * 501}, "note", "must have at most 500 characters"),
    ],
)
async def test_codes_that_are_refused(api: Api, typed: Mapping[str, str], field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    before = await api.state()
    values = {"amount": "5", "count": "2", "note": "kept", **typed}
    answer = await operator.send(NEW_CODES, values)
    assert answer.status_code == 422, answer.text
    page = Forms(answer.text)
    assert page.errors[f"field-{field}"] == sentence
    assert {name: page.value(name) for name in values} == values
    assert (await api.state(), await codes(api)) == (before, [])


async def test_a_form_without_its_id_makes_nothing(api: Api) -> None:
    operator = await Browser.of(api)
    for path, field in ((NEW_CODES, "amount"), (NEW_INVITE, "note")):
        form = filled(Forms(await operator.get(path)).having(field), {"amount": "5", "form_id": "short"})
        before = await api.state()
        assert (await operator.post(path, form)).status_code == 422
        assert await api.state() == before


async def test_codes_are_filtered_by_state_and_note(api: Api) -> None:
    operator = await Browser.of(api)
    for amount, note in (("1", "spring fair"), ("2", "autumn")):
        await api.make("/api/admin/redemption-codes", {"amount": amount, "note": note})
    first = (await codes(api))[1]
    await api.call("DELETE", f"/api/admin/redemption-codes/{first}", status=204)
    shown = {
        query: {"spring" if "spring fair" in html else "", "autumn" if ">autumn<" in html else ""} - {""}
        for query in (
            "",
            "?state=",
            "?state=open",
            "?state=revoked",
            "?state=redeemed",
            "?q=spring",
            "?q=none&state=open",
        )
        for html in [await operator.get(CODES + query)]
    }
    both = {"spring", "autumn"}
    assert list(shown.values()) == [both, both, {"autumn"}, {"spring"}, set(), {"spring"}, set()]
    assert "No code fits this search." in await operator.get(f"{CODES}?q=none")
    await operator.get(f"{CODES}?state=lost", 422)


async def test_a_code_is_revoked_after_a_question(api: Api) -> None:
    operator = await Browser.of(api)
    made = await api.make("/api/admin/redemption-codes", {"amount": "5", "count": 2})
    page = f"{CODES}/{made['ids'][0]}/revoke"
    assert page in await operator.get(CODES)
    answer = await operator.send(page, {}, do="revoke", field="csrf_token")
    assert answer.headers["location"] == f"{CODES}?done=revoked"
    html = await operator.get(CODES)
    assert page not in html
    assert "operator@example.com" in html
    assert "There is nothing left to revoke." in await operator.get(page)

    # Redeemed between the question and the answer: the money has moved, and the page says so.
    page = f"{CODES}/{made['ids'][1]}/revoke"
    form = Forms(await operator.get(page)).having("csrf_token")
    await api.user("ada@example.com")
    ada = await api.sign_in("ada@example.com")
    await api.call("POST", "/api/wallet/redeem", {"code": made["codes"][1]}, operator=False, headers=ada, status=200)
    answer = await operator.post(page, [*form, ("do", "revoke")])
    assert answer.status_code == 409
    assert "redeemed meanwhile" in Forms(answer.text).alerts[0]


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
async def test_who_may_sign_up_is_chosen(api: Api, mode: str) -> None:
    operator = await Browser.of(api)
    assert Forms(await operator.get(SETTINGS)).value("sign_up") == "closed"
    answer = await operator.send(SETTINGS, {"sign_up": mode})
    assert answer.headers["location"] == f"{SETTINGS}?done=saved"
    assert Forms(await operator.get(SETTINGS)).value("sign_up") == mode
    assert (await api.get("/api/admin/settings"))["sign_up"] == mode
    html = (await api.call("GET", "/sign-up", operator=False)).text
    assert ('name="password"' in html) is (mode != "closed")


@pytest.mark.parametrize("typed", ["", "everybody", None])
async def test_a_mode_that_is_none_changes_nothing(api: Api, typed: str | None) -> None:
    operator = await Browser.of(api)
    await operator.send(SETTINGS, {"sign_up": "invite"})
    before = await api.state()
    answer = await operator.send(SETTINGS, {"sign_up": typed})
    assert answer.status_code == 422
    assert Forms(answer.text).errors["field-sign_up"] == "choose one of the list"
    assert await api.state() == before


async def test_an_invite_is_shown_once_and_lets_one_person_in(api: Api) -> None:
    operator = await Browser.of(api)
    await operator.send(SETTINGS, {"sign_up": "invite"})
    form = filled(
        Forms(await operator.get(NEW_INVITE)).having("note"), {"note": "for Ada", "expires_at": "2099-12-31T18:00"}
    )
    answer = await operator.post(NEW_INVITE, form)
    assert answer.status_code == 201
    link = re.search(r"http://testserver\.local(/sign-up\?invite=([\w-]+))", answer.text)
    assert link is not None
    again = await operator.post(NEW_INVITE, form)
    assert again.headers["location"] == f"{SETTINGS}?done=made-before"
    (invite,) = (await api.get("/api/admin/invites"))["data"]
    assert (invite["note"], invite["expires_at"]) == ("for Ada", "2099-12-31T18:00:00Z")
    html = await operator.get(again.headers["location"])
    assert link[2] not in html
    assert link[2] not in await kept(api)

    assert 'name="password"' in (await api.call("GET", link[1], operator=False)).text
    person = {"email": "ada@example.com", "name": "Ada", "password": "long enough here", "invite": link[2]}
    await api.call("POST", "/api/sign-up", person, operator=False, status=201)
    html = await operator.get(SETTINGS)
    assert "ada@example.com" in html
    page = f"{SETTINGS}/invites/{invite['id']}/withdraw"
    assert page not in html
    assert "It was used already" in await operator.get(page)
    answer = await operator.send(page, {}, do="withdraw", field="csrf_token")
    assert answer.status_code == 409
    assert "used meanwhile" in Forms(answer.text).alerts[0]


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"expires_at": "tomorrow"}, "expires_at", "must be a day and a time, such as 2030-12-31T18:00"),
        ({"expires_at": "2001-01-01T00:00"}, "expires_at", "must be in the future"),
        ({"note": "n" * 201}, "note", "must have at most 200 characters"),
    ],
)
async def test_an_invite_that_is_refused(api: Api, typed: Mapping[str, str], field: str, sentence: str) -> None:
    operator = await Browser.of(api)
    values = {"note": "kept", "expires_at": "2099-01-01T00:00", **typed}
    answer = await operator.send(NEW_INVITE, values)
    assert answer.status_code == 422
    page = Forms(answer.text)
    assert page.errors[f"field-{field}"] == sentence
    assert {name: page.value(name) for name in values} == values
    assert (await api.get("/api/admin/invites"))["data"] == []


async def test_an_invite_is_withdrawn_after_a_question(api: Api) -> None:
    operator = await Browser.of(api)
    await operator.send(SETTINGS, {"sign_up": "invite"})
    made = await api.make("/api/admin/invites", {"note": "wrong person"})
    page = f"{SETTINGS}/invites/{made['id']}/withdraw"
    assert page in await operator.get(f"{SETTINGS}?q=wrong")
    assert "No invite has this" in await operator.get(f"{SETTINGS}?q=right")
    answer = await operator.send(page, {}, do="withdraw", field="csrf_token")
    assert answer.headers["location"] == f"{SETTINGS}?done=withdrawn"
    assert "wrong person" not in await operator.get(SETTINGS)
    await operator.get(page, 404)
    html = (await api.call("GET", f"/sign-up?invite={made['code']}", operator=False)).text
    assert "This invite is not valid" in html


async def test_invites_go_on_on_another_page(api: Api) -> None:
    operator = await Browser.of(api)
    for n in range(51):
        await api.make("/api/admin/invites", {"note": f"guest-{n:02}"})
    html = await operator.get(SETTINGS)
    assert "guest-50" in html
    assert "guest-00" not in html
    following = next(part for part in html.split('"') if part.startswith(f"{SETTINGS}?cursor="))
    assert "guest-00" in await operator.get(following.replace("&amp;", "&"))
    await operator.get(f"{SETTINGS}?cursor=junk", 422)
