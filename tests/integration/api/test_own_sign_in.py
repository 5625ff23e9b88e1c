"""What people do about their own sign-in: password, sessions, theme; and what operators do about people."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.integration.api.conftest import PASSWORD, Api
from tollway.db.tables import AuditRow, SessionRow
from tollway.http.callers import Caller
from tollway.users import changing, own_password, service, sessions
from tollway.users.attempts import TRIES_PER_USER
from tollway.users.passwords import verify_password
from tollway.users.schemas import UserPatch

pytestmark = pytest.mark.integration

NEW = "a better battery"
# So long a request that has nothing to wait for would not take.
HELD_UP_S = 0.5


async def own(api: Api, method: str, path: str, browser: dict[str, str], body: Any = None, status: int = 200) -> Any:
    api.client.cookies.clear()
    answer = await api.call(method, path, body, operator=False, headers=browser, status=status)
    api.client.cookies.clear()
    return answer


async def test_a_new_password_ends_every_other_session_and_renews_this_one(api: Api) -> None:
    await api.user()
    other, this = await api.sign_in(), await api.sign_in()
    answer = await own(api, "POST", "/api/me/password", this, {"current": PASSWORD, "new": NEW}, 204)
    fresh = this | {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert fresh["cookie"] != this["cookie"]
    for gone in (other, this):
        await own(api, "GET", "/api/me", gone, status=401)
    await own(api, "GET", "/api/me", fresh)
    await api.call(
        "POST", "/api/session", {"email": "ada@example.com", "password": PASSWORD}, operator=False, status=401
    )
    await api.sign_in(password=NEW)
    async with api.db.read_tx() as tx:
        rows = list(await tx.session.scalars(select(AuditRow).where(AuditRow.action == "user.password")))
    assert len(rows) == 1
    assert NEW not in str((rows[0].before, rows[0].after))


async def test_a_wrong_current_password_changes_nothing_and_counts_as_a_try(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    for _ in range(TRIES_PER_USER):
        answer = await own(api, "POST", "/api/me/password", browser, {"current": "wrong", "new": NEW}, 422)
        assert answer.json()["errors"][0]["field"] == "current"
    answer = await own(api, "POST", "/api/me/password", browser, {"current": PASSWORD, "new": NEW}, 429)
    assert int(answer.headers["retry-after"]) > 0
    sign_in = {"email": "ada@example.com", "password": PASSWORD}
    await api.call("POST", "/api/session", sign_in, operator=False, status=429)
    await own(api, "GET", "/api/me", browser)


async def test_the_new_password_is_another_and_long_enough(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    for new in (PASSWORD, "short"):
        answer = await own(api, "POST", "/api/me/password", browser, {"current": PASSWORD, "new": new}, 422)
        assert answer.json()["errors"][0]["field"] == "new"
    await own(api, "GET", "/api/me", browser)


async def test_of_two_changes_at_once_one_holds(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    bodies = [{"current": PASSWORD, "new": f"{NEW} {n}"} for n in range(2)]
    answers = await asyncio.gather(
        *(api.call("POST", "/api/me/password", body, operator=False, headers=browser) for body in bodies)
    )
    api.client.cookies.clear()
    assert sorted(answer.status_code for answer in answers) == [204, 412]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 204)
    await api.sign_in(password=f"{NEW} {winner}")


async def test_a_sign_in_that_a_new_password_overtakes_gives_no_session(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await api.user()

    async def overtaken(stored: str | None, password: str) -> bool:
        right = await verify_password(stored, password)
        async with api.db.write_tx() as tx:
            await own_password.store(tx, Caller(id=made["id"]), made["id"], "another password's hash")
        return right

    monkeypatch.setattr(service, "verify_password", overtaken)
    body = {"email": "ada@example.com", "password": PASSWORD}
    await api.call("POST", "/api/session", body, operator=False, status=401)
    async with api.db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(SessionRow)) == 0


async def test_sessions_are_listed_by_a_handle_and_ended_one_by_one(api: Api) -> None:
    await api.user()
    await api.user("bob@example.com")
    phone, desk, bob = await api.sign_in(), await api.sign_in(), await api.sign_in("bob@example.com")
    listed = (await own(api, "GET", "/api/me/sessions", desk)).json()["data"]
    assert [row["current"] for row in listed].count(True) == 1
    assert len(listed) == 2
    assert set(listed[0]) == {"id", "created_at", "last_seen_at", "expires_at", "address", "agent", "current"}
    async with api.db.read_tx() as tx:
        ids = [row.hex() for row in await tx.session.scalars(select(SessionRow.id))]
    assert not any(row["id"].removeprefix("ses_") in known for row in listed for known in ids)
    phones = next(row["id"] for row in listed if not row["current"])
    await own(api, "DELETE", f"/api/me/sessions/{phones}", bob, status=404)
    await own(api, "DELETE", f"/api/me/sessions/{phones}", desk, status=204)
    await own(api, "DELETE", f"/api/me/sessions/{phones}", desk, status=404)
    await own(api, "GET", "/api/me", phone, status=401)
    here = (await own(api, "GET", "/api/me/sessions", desk)).json()["data"][0]["id"]
    answer = await own(api, "DELETE", f"/api/me/sessions/{here}", desk, status=204)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    await own(api, "GET", "/api/me", desk, status=401)
    await own(api, "GET", "/api/me", bob)


async def test_all_other_sessions_end_at_once(api: Api) -> None:
    await api.user()
    await api.user("bob@example.com")
    others, this, bob = (
        [await api.sign_in() for _ in range(3)],
        await api.sign_in(),
        await api.sign_in("bob@example.com"),
    )
    await own(api, "DELETE", "/api/me/sessions", this, status=204)
    for gone in others:
        await own(api, "GET", "/api/me", gone, status=401)
    for kept in (this, bob):
        await own(api, "GET", "/api/me", kept)


async def test_a_user_has_a_bounded_number_of_sessions(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_PER_USER_MAX", 3)
    await api.user()
    browsers = [await api.sign_in() for _ in range(5)]
    async with api.db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(SessionRow)) == 3
    await own(api, "GET", "/api/me", browsers[0], status=401)
    await own(api, "GET", "/api/me", browsers[-1])


async def test_a_theme_is_chosen_and_shown(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    assert (await own(api, "GET", "/api/me", browser)).json()["user"]["theme"] == "system"
    answer = await own(api, "PATCH", "/api/me", browser, {"theme": "dark"})
    assert answer.json()["user"]["theme"] == "dark"
    answer = await own(api, "PATCH", "/api/me", browser, {"theme": "sepia"}, 422)
    assert answer.json()["errors"][0]["field"] == "theme"
    assert (await own(api, "GET", "/api/me", browser)).json()["user"]["theme"] == "dark"


async def test_an_operator_changes_a_user_and_disabling_ends_the_sessions(api: Api) -> None:
    person = await api.user()
    browser = await api.sign_in()
    path = f"/api/admin/users/{person['id']}"
    body = {"name": "Countess", "role": "auditor", "language": "fr"}
    changed = (await api.call("PATCH", path, body, status=200)).json()
    assert {name: changed[name] for name in body} == body
    assert changed["account_id"] == person["account_id"]
    await own(api, "GET", "/api/admin/users", browser)
    await api.call("PATCH", path, {"name": "X"}, headers={"if-match": "1"}, status=412)
    await api.call("PATCH", path, {"email": "x@example.com"}, status=422)
    await api.call("PATCH", "/api/admin/users/usr_nobody", {"name": "X"}, status=404)
    await api.call("PATCH", path, {"enabled": False}, status=200)
    await api.call("PATCH", path, {"enabled": True}, status=200)
    await own(api, "GET", "/api/me", browser, status=401)


async def test_the_last_operator_stays_one(api: Api) -> None:
    first, second = [await api.user(f"op{n}@example.com", role="operator") for n in range(2)]
    await api.call("PATCH", f"/api/admin/users/{second['id']}", {"enabled": False}, status=200)
    for body in ({"role": "user"}, {"enabled": False}, {"role": "auditor"}):
        answer = await api.call("PATCH", f"/api/admin/users/{first['id']}", body, status=409)
        assert answer.json()["code"] == "conflict"
    assert (await api.get(f"/api/admin/users/{first['id']}"))["role"] == "operator"
    await api.call("PATCH", f"/api/admin/users/{first['id']}", {"name": "Still here"}, status=200)


async def test_two_operators_who_demote_each_other_at_once_leave_one(api: Api) -> None:
    """The second one comes before the first is committed, and must wait for it rather than see what was before."""
    first, second = [await api.user(f"op{n}@example.com", role="operator") for n in range(2)]
    demoted = UserPatch(role="user")
    async with api.db.write_tx() as tx:
        await changing.change(tx, Caller(id=second["id"]), first["id"], demoted, None)
        path = f"/api/admin/users/{second['id']}"
        other = asyncio.create_task(api.call("PATCH", path, {"role": "user"}))
        done, _ = await asyncio.wait({other}, timeout=HELD_UP_S)
        assert not done
    assert (await other).status_code == 409
    assert (await api.get(path))["role"] == "operator"
