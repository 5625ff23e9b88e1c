"""Signing up: closed until an operator says otherwise, by invite exactly once, open to anybody, and braked."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from tests.integration.api.conftest import PASSWORD, Api
from tollway.db.tables import AuditRow, InviteRow, SettingRow, UserRow, utc_now
from tollway.users.attempts import SIGN_UPS_PER_ADDRESS

pytestmark = pytest.mark.integration

GRACE = {"email": "Grace@Example.com", "name": "Grace", "password": PASSWORD}


async def sign_up(api: Api, body: dict[str, Any], status: int, **headers: str) -> httpx.Response:
    api.client.cookies.clear()
    answer = await api.call("POST", "/api/sign-up", body, operator=False, headers=headers, status=status)
    api.client.cookies.clear()
    return answer


async def set_mode(api: Api, mode: str | None) -> None:
    answer = await api.call("PATCH", "/api/admin/settings", {"sign_up": mode}, status=200)
    assert answer.json() == {"sign_up": mode or "closed"}


async def users(api: Api) -> int:
    async with api.db.read_tx() as tx:
        return int(await tx.session.scalar(select(func.count()).select_from(UserRow)) or 0)


async def test_settings_have_careful_defaults_and_every_change_is_recorded(api: Api) -> None:
    assert await api.get("/api/admin/settings") == {"sign_up": "closed"}
    for body, field in (
        ({"sign_up": "ajar"}, "sign_up"),
        ({"sign_up": True}, "sign_up"),
        ({"signup": "open"}, "signup"),
    ):
        answer = await api.call("PATCH", "/api/admin/settings", body, status=422)
        assert answer.json()["errors"][0]["field"] == field
    await set_mode(api, "open")
    await set_mode(api, "open")
    await set_mode(api, None)
    async with api.db.read_tx() as tx:
        wanted = select(AuditRow).where(AuditRow.action == "settings.change").order_by(AuditRow.id)
        rows = list(await tx.session.scalars(wanted))
    changes = [(row.before, row.after) for row in rows]
    assert changes == [({"sign_up": "closed"}, {"sign_up": "open"}), ({"sign_up": "open"}, {"sign_up": "closed"})]


async def test_a_stored_setting_that_is_not_known_counts_as_the_default(api: Api) -> None:
    async with api.db.write_tx() as tx:
        tx.add(SettingRow(name="sign_up", value="ajar"))
    assert await api.get("/api/admin/settings") == {"sign_up": "closed"}
    await sign_up(api, GRACE, 403)


async def test_sign_up_is_closed_at_first_and_says_what_to_do(api: Api) -> None:
    answer = await sign_up(api, GRACE, 403)
    assert answer.json()["code"] == "sign_up_closed"
    assert "ask the operator" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers
    assert await users(api) == 0


async def test_open_sign_up_makes_a_user_who_is_signed_in(api: Api) -> None:
    await set_mode(api, "open")
    answer = await sign_up(api, GRACE | {"language": "vi"}, 201)
    made = answer.json()
    assert (made["email"], made["role"], made["language"], made["enabled"]) == ("grace@example.com", "user", "vi", True)
    assert answer.headers["cache-control"] == "no-store"
    browser = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    me = await api.get("/api/me", operator=False, headers=browser)
    assert (me["user"]["id"], me["account_id"]) == (made["id"], made["account_id"])
    wallet = await api.get("/api/wallet", operator=False, headers=browser)
    assert wallet["available"] == "0.00"
    await api.sign_in("grace@example.com")


async def test_a_taken_email_is_said_plainly_and_makes_nothing(api: Api) -> None:
    await api.user("grace@example.com")
    await set_mode(api, "open")
    answer = await sign_up(api, GRACE, 409)
    assert answer.json()["code"] == "already_exists"
    assert await users(api) == 1


async def test_two_who_take_one_email_at_once_become_one_user(api: Api) -> None:
    await set_mode(api, "open")
    answers = await asyncio.gather(
        *(api.call("POST", "/api/sign-up", GRACE, operator=False) for _ in range(4)),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert await users(api) == 1


async def test_bad_fields_are_named(api: Api) -> None:
    await set_mode(api, "open")
    for change, field in (
        ({"email": "grace"}, "email"),
        ({"password": "short"}, "password"),
        ({"name": ""}, "name"),
        ({"language": "Klingon!"}, "language"),
        ({"role": "operator"}, "role"),
    ):
        answer = await sign_up(api, GRACE | change, 422)
        assert answer.json()["errors"][0]["field"] == field
    assert await users(api) == 0


async def test_sign_ups_are_braked_per_address(api: Api) -> None:
    """Whether an e-mail is known can be asked so often and no more; elsewhere it goes on."""
    await api.user("grace@example.com")
    await set_mode(api, "open")
    for _ in range(SIGN_UPS_PER_ADDRESS):
        await sign_up(api, GRACE, 409)
    answer = await sign_up(api, GRACE, 429)
    assert int(answer.headers["retry-after"]) > 0
    await sign_up(api, GRACE, 409, **{"x-forwarded-for": "203.0.113.77"})


async def test_an_invite_is_shown_once_and_lets_one_person_in(api: Api) -> None:
    await set_mode(api, "invite")
    for body in (GRACE, GRACE | {"invite": ""}, GRACE | {"invite": "nonsense"}):
        answer = await sign_up(api, body, 422)
        assert answer.json()["errors"][0]["field"] == "invite"
    made = await api.make("/api/admin/invites", {"note": "for Grace"})
    assert made["link"] == f"http://testserver.local/sign-up?invite={made['code']}"
    user = (await sign_up(api, GRACE | {"invite": made["code"]}, 201)).json()
    await sign_up(api, GRACE | {"email": "b@example.com", "invite": made["code"]}, 422)
    listed = (await api.get("/api/admin/invites"))["data"]
    assert [(row["note"], row["status"], row["used_by"]) for row in listed] == [("for Grace", "used", user["id"])]
    assert "code" not in listed[0]
    await api.call("DELETE", f"/api/admin/invites/{made['id']}", status=409)
    async with api.db.read_tx() as tx:
        written = [str((row.before, row.after)) for row in await tx.session.scalars(select(AuditRow))]
    assert not any(made["code"] in text for text in written)


async def test_one_invite_used_by_many_at_once_makes_one_user(api: Api) -> None:
    await set_mode(api, "invite")
    made = await api.make("/api/admin/invites", {})
    bodies = [GRACE | {"email": f"u{n}@example.com", "invite": made["code"]} for n in range(6)]
    answers = await asyncio.gather(*(api.call("POST", "/api/sign-up", body, operator=False) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    assert await users(api) == 1


async def test_an_invite_is_not_spent_by_a_sign_up_that_fails(api: Api) -> None:
    await api.user("grace@example.com")
    await set_mode(api, "invite")
    made = await api.make("/api/admin/invites", {})
    await sign_up(api, GRACE | {"invite": made["code"]}, 409)
    await sign_up(api, GRACE | {"email": "g2@example.com", "invite": made["code"]}, 201)


async def test_an_invite_ends_with_its_time_or_when_it_is_withdrawn(api: Api) -> None:
    await set_mode(api, "invite")
    answer = await api.call("POST", "/api/admin/invites", {"expires_at": "2020-01-01T00:00:00Z"}, status=422)
    assert answer.json()["errors"][0]["field"] == "expires_at"
    late = await api.make("/api/admin/invites", {"expires_at": "2099-01-01T00:00:00+07:00"})
    assert late["expires_at"] == "2098-12-31T17:00:00Z"
    async with api.db.write_tx() as tx:
        await tx.session.execute(update(InviteRow).values(expires_at=utc_now() - timedelta(seconds=1)))
    await sign_up(api, GRACE | {"invite": late["code"]}, 422)
    assert (await api.get("/api/admin/invites"))["data"][0]["status"] == "expired"
    gone = await api.make("/api/admin/invites", {})
    await api.call("DELETE", f"/api/admin/invites/{gone['id']}", status=204)
    await api.call("DELETE", f"/api/admin/invites/{gone['id']}", status=404)
    await sign_up(api, GRACE | {"invite": gone["code"]}, 422)
    assert [row["id"] for row in (await api.get("/api/admin/invites"))["data"]] == [late["id"]]
