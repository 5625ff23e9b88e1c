"""Keys of a session: short-lived, one per person and account, hidden, and gone with any session of the person."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from tests.integration.api.conftest import PASSWORD, Api
from tollway.crypto import KeySecret
from tollway.db.tables import KeyRow, MembershipRow, SessionRow, utc_now
from tollway.errors import Unauthorized
from tollway.http.callers import Caller, session_digest
from tollway.ids import to_bytes
from tollway.session_keys import brake
from tollway.session_keys.service import LIFETIME
from tollway.session_keys.service import mint as mint_key
from tollway.snapshot.build import build_delta, build_full, current_generation

pytestmark = pytest.mark.integration

KEYS, GONE = 7, 8
"""Places in the snapshot (ARCHITECTURE.md)."""
# So long a request that has nothing to wait for would not take.
HELD_UP_S = 0.5
DIGEST, KEY_ID, ACCOUNT_ID, FLAGS, EXPIRES = range(5)


async def mint(api: Api, browser: dict[str, str], status: int = 201, query: str = "", **headers: str) -> Any:
    api.client.cookies.clear()
    path = f"/api/session/key{query}"
    return await api.call("POST", path, {}, operator=False, headers=browser | headers, status=status)


def digest_of(api: Api, secret: str) -> bytes:
    return KeySecret(secret).digest(api.ctx.vault.key_pepper)


async def known(api: Api) -> dict[bytes, list[Any]]:
    """What a gateway that is told everything lets in: digest → row."""
    async with api.db.read_tx() as tx:
        whole = msgspec.msgpack.decode(await build_full(tx, api.ctx.vault))
    return {row[DIGEST]: row for row in whole[KEYS] if row[FLAGS] & 1}


async def delta(api: Api, base: int) -> list[Any]:
    async with api.db.read_tx() as tx:
        built = await build_delta(tx, api.ctx.vault, base)
    assert built is not None
    return list(msgspec.msgpack.decode(built))


async def generation(api: Api) -> int:
    async with api.db.read_tx() as tx:
        return await current_generation(tx)


async def test_a_key_is_minted_for_the_page_and_reaches_the_gateways(api: Api) -> None:
    person = await api.user()
    browser = await api.sign_in()
    answer = await mint(api, browser)
    made = answer.json()
    assert set(made) == {"secret", "expires_at", "account_id"}
    assert made["account_id"] == person["account_id"]
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["x-tollway-generation"]) == await generation(api)
    left = datetime.fromisoformat(made["expires_at"]) - utc_now()
    assert LIFETIME - timedelta(minutes=1) < left <= LIFETIME
    row = (await known(api))[digest_of(api, made["secret"])]
    assert row[ACCOUNT_ID] == to_bytes(person["account_id"], "acc")
    assert row[EXPIRES] == int(datetime.fromisoformat(made["expires_at"]).timestamp())


async def test_each_mint_takes_the_place_of_the_one_before(api: Api) -> None:
    await api.user()
    phone, desk = await api.sign_in(), await api.sign_in()
    first = (await mint(api, phone)).json()
    base = await generation(api)
    second = (await mint(api, desk)).json()
    assert set(await known(api)) == {digest_of(api, second["secret"])}
    change = await delta(api, base)
    assert change[GONE] == [digest_of(api, first["secret"])]
    assert [row[DIGEST] for row in change[KEYS]] == [digest_of(api, second["secret"])]
    async with api.db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(KeyRow)) == 1


async def test_mints_at_once_leave_one_key(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    answers = await asyncio.gather(*(mint(api, browser) for _ in range(5)))
    secrets = {digest_of(api, answer.json()["secret"]) for answer in answers}
    alive = set(await known(api))
    assert len(secrets) == 5
    assert len(alive) == 1
    assert alive <= secrets
    async with api.db.read_tx() as tx:
        assert await tx.session.scalar(select(func.count()).select_from(KeyRow)) == 1


async def test_an_expired_key_is_used_again(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    await mint(api, browser)
    async with api.db.write_tx() as tx:
        row = (await tx.session.scalars(select(KeyRow))).one()
        row.expires_at = utc_now() - timedelta(minutes=1)
    again = (await mint(api, browser)).json()
    async with api.db.read_tx() as tx:
        now = (await tx.session.scalars(select(KeyRow))).one()
    assert (now.id, now.digest) == (row.id, digest_of(api, again["secret"]))


async def test_it_never_outlives_the_session_it_was_minted_by(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    ends_at = utc_now() + timedelta(minutes=3)
    async with api.db.write_tx() as tx:
        (await tx.session.scalars(select(SessionRow))).one().expires_at = ends_at
    assert datetime.fromisoformat((await mint(api, browser)).json()["expires_at"]) == ends_at


async def test_it_is_for_members_in_person_from_a_page_of_this_host(api: Api) -> None:
    person = await api.user()
    browser = await api.sign_in()
    team = await api.account()
    await mint(api, {}, 401)
    await mint(api, browser, 403, origin="http://evil.example")
    await mint(api, {"cookie": browser["cookie"]}, 403)
    await mint(api, browser, 404, f"?account_id={team}")
    await api.call("POST", f"/api/session/key?account_id={team}", {}, status=403)
    async with api.db.write_tx() as tx:
        member = MembershipRow(account_id=team, user_id=person["id"], role="viewer")
        tx.add(member)
    await mint(api, browser, 403, f"?account_id={team}")
    assert await known(api) == {}
    async with api.db.write_tx() as tx:
        (await tx.session.get_one(MembershipRow, (team, person["id"]))).role = "member"
    assert (await mint(api, browser, 201, f"?account_id={team}")).json()["account_id"] == team
    await mint(api, browser)
    assert len(await known(api)) == 2


async def test_it_is_in_no_list_and_nobody_manages_it(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    await mint(api, browser)
    async with api.db.read_tx() as tx:
        row = (await tx.session.scalars(select(KeyRow))).one()
    assert (row.name, row.purpose) == ("Playground", "portal")
    assert (await api.get("/api/keys", operator=False, headers=browser))["data"] == []
    assert (await api.get("/api/admin/keys"))["data"] == []
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"expires_at": None}),
        ("POST", "/rotate", None),
        ("DELETE", "", None),
    ):
        await api.call(method, f"/api/keys/{row.id}{path}", body, operator=False, headers=browser, status=404)
        await api.call(method, f"/api/admin/keys/{row.id}{path}", body, status=404)
    asked = (await api.get("/api/admin/keys?purpose=portal"))["data"]
    assert [found["id"] for found in asked] == [row.id]
    await api.call("GET", "/api/admin/keys?purpose=secret", status=422)


ENDINGS = ("sign out", "another session ends", "all others end", "password", "disabled", "other sign-in here")


@pytest.mark.parametrize("ending", ENDINGS)
async def test_it_is_gone_with_any_session_of_the_person(api: Api, ending: str) -> None:
    person = await api.user()
    await api.sign_in()
    browser = await api.sign_in()
    secret = digest_of(api, (await mint(api, browser)).json()["secret"])
    base = await generation(api)
    api.client.cookies.clear()

    async def own(method: str, path: str, body: Any = None) -> Any:
        return await api.call(method, path, body, operator=False, headers=browser)

    if ending == "sign out":
        answer = await own("DELETE", "/api/session")
    elif ending == "another session ends":
        listed = (await own("GET", "/api/me/sessions")).json()["data"]
        others = next(row["id"] for row in listed if not row["current"])
        answer = await own("DELETE", f"/api/me/sessions/{others}")
    elif ending == "all others end":
        answer = await own("DELETE", "/api/me/sessions")
    elif ending == "password":
        answer = await own("POST", "/api/me/password", {"current": PASSWORD, "new": "a better battery"})
    elif ending == "disabled":
        answer = await api.call("PATCH", f"/api/admin/users/{person['id']}", {"enabled": False}, status=200)
    else:
        await api.user("bob@example.com")
        body = {"email": "bob@example.com", "password": PASSWORD}
        base = await generation(api)
        answer = await own("POST", "/api/session", body)
    assert int(answer.headers["x-tollway-generation"]) > base
    assert await known(api) == {}
    assert (await delta(api, base))[GONE] == [secret]


async def test_a_sign_out_waits_for_a_mint_under_way_and_takes_its_key(api: Api) -> None:
    """Else it would look for keys before this one is there, and the key would outlive the session."""
    person = await api.user()
    browser = await api.sign_in()
    session = session_digest(browser["cookie"].partition("=")[2])
    caller = Caller(id=person["id"], user_id=person["id"], session=session, account_id=person["account_id"])
    async with api.db.write_tx() as tx:
        await mint_key(tx, caller, api.ctx.vault.key_pepper)
        sign_out = asyncio.create_task(api.call("DELETE", "/api/session", operator=False, headers=browser))
        done, _ = await asyncio.wait({sign_out}, timeout=HELD_UP_S)
        assert not done
    assert (await sign_out).status_code == 204
    assert await known(api) == {}
    async with api.db.write_tx() as tx:
        with pytest.raises(Unauthorized):
            await mint_key(tx, caller, api.ctx.vault.key_pepper)
    assert await known(api) == {}


async def test_a_page_out_of_control_is_braked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brake, "MINTS_MAX", 2)
    await api.user()
    browser = await api.sign_in()
    for _ in range(2):
        await api.call("POST", "/api/session/key", operator=False, headers=browser, status=201)
    answer = await api.call("POST", "/api/session/key", operator=False, headers=browser, status=429)
    assert answer.json()["code"] == "rate_limited"
    assert int(answer.headers["retry-after"]) > 0
