"""Signing in and out: the cookie, where a change may come from, and the brake on guessing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.api.conftest import PASSWORD, Api
from tollway.db.tables import SessionRow, UserRow, utc_now
from tollway.http.brake import WINDOW_S
from tollway.users.attempts import TRIES_PER_ADDRESS, TRIES_PER_USER

pytestmark = pytest.mark.integration

SIGN_IN = {"email": "ada@example.com", "password": PASSWORD}


async def test_sign_in_gives_a_cookie_that_only_its_digest_is_known_of(api: Api) -> None:
    person = await api.user()
    answer = await api.call("POST", "/api/session", SIGN_IN | {"email": " ADA@example.com"}, operator=False, status=204)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("tollway=")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "path=/", "samesite=lax"} <= parts
    assert "secure" not in parts
    value = cookie.partition("=")[2].partition(";")[0]
    async with api.db.read_tx() as tx:
        row = (await tx.session.scalars(select(SessionRow))).one()
        user = await tx.session.get_one(UserRow, person["id"])
    assert value.encode() not in row.id
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    me = await api.get("/api/me", operator=False, headers={"cookie": f"tollway={value}"})
    assert me["user"]["id"] == person["id"]
    assert me["account_id"] == person["account_id"]
    assert me["accounts"] == [{"id": person["account_id"], "name": "Ada", "kind": "personal", "role": "owner"}]


async def test_over_https_the_cookie_is_bound_to_the_host(api: Api) -> None:
    await api.user()
    https = {"x-forwarded-proto": "https", "x-forwarded-host": "pay.example.com", "origin": "https://pay.example.com"}
    answer = await api.call("POST", "/api/session", SIGN_IN, operator=False, headers=https, status=204)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tollway=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    browser = https | {"cookie": cookie.partition(";")[0]}
    await api.call("PATCH", "/api/me", {"name": "Countess"}, operator=False, headers=browser, status=200)


async def test_a_change_with_a_cookie_needs_an_origin_of_this_host(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    for origin, status in (
        (None, 403),
        ("null", 403),
        ("http://evil.example", 403),
        ("http://testserver.local.evil.example", 403),
        ("https://testserver.local", 403),
        ("http://testserver.local", 200),
    ):
        headers = {"cookie": browser["cookie"]} | ({"origin": origin} if origin is not None else {})
        await api.call("PATCH", "/api/me", {"language": "fr"}, operator=False, headers=headers, status=status)
    await api.get("/api/me", operator=False, headers={"cookie": browser["cookie"]})
    evil = {"origin": "http://evil.example"}
    await api.call("POST", "/api/session", SIGN_IN, operator=False, headers=evil, status=403)


async def test_signing_in_again_ends_the_old_session_and_signing_out_ends_this_one(api: Api) -> None:
    await api.user()
    first = await api.sign_in()
    answer = await api.call("POST", "/api/session", SIGN_IN, operator=False, headers=first, status=204)
    second = first | {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    await api.call("GET", "/api/me", operator=False, headers=first, status=401)
    await api.call("GET", "/api/me", operator=False, headers=second, status=200)
    api.client.cookies.clear()
    answer = await api.call("DELETE", "/api/session", operator=False, headers=second, status=204)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    api.client.cookies.clear()
    await api.call("GET", "/api/me", operator=False, headers=second, status=401)


async def test_a_session_ends_with_its_time_and_with_its_user(api: Api) -> None:
    person = await api.user()
    browser = await api.sign_in()
    async with api.db.write_tx() as tx:
        await tx.session.execute(update(SessionRow).values(expires_at=utc_now() - timedelta(seconds=1)))
    await api.call("GET", "/api/me", operator=False, headers=browser, status=401)
    browser = await api.sign_in()
    async with api.db.write_tx() as tx:
        await tx.session.execute(update(UserRow).where(UserRow.id == person["id"]).values(enabled=False))
    await api.call("GET", "/api/me", operator=False, headers=browser, status=401)
    await api.call("POST", "/api/session", SIGN_IN, operator=False, status=401)


async def test_a_wrong_password_and_an_unknown_user_look_alike(api: Api) -> None:
    await api.user()
    await api.make("/api/admin/users", {"email": "sso@example.com", "name": "No password"})
    answers = [
        (
            await api.call("POST", "/api/session", {"email": email, "password": password}, operator=False, status=401)
        ).json()
        for email, password in (("ada@example.com", "wrong"), ("nobody@example.com", "wrong"), ("sso@example.com", ""))
    ]
    assert len({(a["code"], a["detail"]) for a in answers}) == 1


async def test_guessing_is_braked_per_user(api: Api) -> None:
    """The eleventh try is refused even with the right password, from any address, and says when to come back."""
    await api.user()
    wrong = SIGN_IN | {"password": "wrong"}
    for n in range(TRIES_PER_USER):
        headers = {"x-forwarded-for": f"203.0.113.{n}"}
        await api.call("POST", "/api/session", wrong, operator=False, headers=headers, status=401)
    answer = await api.call("POST", "/api/session", SIGN_IN, operator=False, status=429)
    assert answer.json()["code"] == "rate_limited"
    assert 0 < int(answer.headers["retry-after"]) <= WINDOW_S


async def test_the_right_password_starts_afresh(api: Api) -> None:
    await api.user()
    for _ in range(2):
        for _ in range(TRIES_PER_USER - 1):
            await api.call("POST", "/api/session", SIGN_IN | {"password": "x"}, operator=False, status=401)
        await api.call("POST", "/api/session", SIGN_IN, operator=False, status=204)
        api.client.cookies.clear()


async def test_guessing_is_braked_per_address(api: Api) -> None:
    for n in range(TRIES_PER_ADDRESS):
        body = {"email": f"u{n}@example.com", "password": "x"}
        await api.call("POST", "/api/session", body, operator=False, status=401)
    last = {"email": "other@example.com", "password": "x"}
    await api.call("POST", "/api/session", last, operator=False, status=429)
    elsewhere = {"x-forwarded-for": "198.51.100.7"}
    await api.call("POST", "/api/session", last, operator=False, headers=elsewhere, status=401)
