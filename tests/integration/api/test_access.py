"""Who may call what, asked of every route of the access table as every kind of caller.

The table says whom a route admits; what each admission means is said here once more, independently, so that a guard
that lets too many in fails by name.
"""

from __future__ import annotations

import re

import pytest

from tests.integration.api.conftest import Api
from tollway.crypto import KeySecret
from tollway.db.tables import MembershipRow
from tollway.http.access import TABLE, Access

pytestmark = pytest.mark.integration

# nobody; the operator's token; signed-in people by their role; people by their role in another team's account
EVERYBODY = {"nobody", "token", "user", "auditor", "operator", "viewer", "member", "owner"}
PEOPLE = EVERYBODY - {"nobody", "token"}
ADMITTED: dict[Access, set[str]] = {
    Access.PAGE: EVERYBODY,
    Access.ANYONE: EVERYBODY,
    Access.SIGNED_IN: EVERYBODY - {"nobody"},
    Access.PERSON: PEOPLE,
    # Within the team's account, which `user` does not belong to:
    Access.VIEWER: {"token", "operator", "auditor", "viewer", "member", "owner"},
    Access.MEMBER: {"token", "operator", "member", "owner"},
    Access.MEMBER_IN_PERSON: {"operator", "member", "owner"},
    Access.AUDITOR: {"token", "operator", "auditor"},
    Access.OPERATOR: {"token", "operator"},
}
IN_ACCOUNT = (Access.VIEWER, Access.MEMBER, Access.MEMBER_IN_PERSON)
ROUTES = sorted((method, path) for (method, path), access in TABLE.items() if access is not Access.NODE)


async def callers(api: Api, team: str) -> dict[str, dict[str, str]]:
    """Headers of each kind of caller."""
    found: dict[str, dict[str, str]] = {
        "nobody": {},
        "token": {"authorization": f"Bearer {api.ctx.settings.admin_token}"},
    }
    for role in ("user", "auditor", "operator"):
        await api.user(f"{role}@example.com", role=role)
        found[role] = await api.sign_in(f"{role}@example.com")
    for role in ("viewer", "member", "owner"):
        person = await api.user(f"{role}@example.com")
        async with api.db.write_tx() as tx:
            tx.add(MembershipRow(account_id=team, user_id=person["id"], role=role))
        found[role] = await api.sign_in(f"{role}@example.com")
    return found


async def test_every_route_admits_whom_the_table_says_and_nobody_else(api: Api) -> None:
    team = await api.account()
    people = await callers(api, team)
    assert set(people) == EVERYBODY
    for method, template in ROUTES:
        if (method, template) == ("DELETE", "/api/session"):
            continue  # would sign the callers out; test_session has it
        access = TABLE[(method, template)]
        path = re.sub(r"\{\w+\}", "no-such-thing", template)
        if access in IN_ACCOUNT:
            path += f"?account_id={team}"
        for name, headers in people.items():
            answer = await api.call(method, path, operator=False, headers=headers)
            refused = answer.status_code in (401, 403) or (
                # An account one does not belong to looks like one that does not exist.
                answer.status_code == 404 and access in IN_ACCOUNT and "belong" in answer.text
            )
            if template == "/api/session":
                refused = "sign in, or send" in answer.text
            assert refused == (name not in ADMITTED[access]), (
                f"{name}: {method} {path}: {answer.status_code} {answer.text}"
            )
            if name == "nobody" and refused:
                assert answer.status_code == 401
            assert answer.status_code < 500, answer.text


async def test_a_relay_key_is_never_accepted(api: Api) -> None:
    account = await api.account()
    key = await api.make("/api/admin/keys", {"name": "k", "account_id": account})
    browser = {}
    await api.user()
    browser = await api.sign_in()
    for secret in (key["secret"], KeySecret.generate().reveal()):
        for more in ({}, browser):
            for path in ("/api/me", f"/api/keys?account_id={account}", "/api/admin/accounts"):
                headers = more | {"authorization": f"Bearer {secret}"}
                answer = await api.call("GET", path, operator=False, headers=headers, status=401)
                assert "relay key" in answer.json()["detail"]


async def test_a_wrong_token_is_refused_even_with_a_good_cookie(api: Api) -> None:
    await api.user()
    browser = await api.sign_in()
    for value in ("Bearer nonsense", "Bearer ", "Basic YTpi", "nonsense"):
        headers = browser | {"authorization": value}
        answer = await api.call("GET", "/api/me", operator=False, headers=headers, status=401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_token_names_its_account(api: Api) -> None:
    answer = await api.call("GET", "/api/wallet", status=400)
    assert answer.json()["code"] == "account_required"
    await api.call("GET", "/api/wallet?account_id=acc_nobody", status=404)
    account = await api.account()
    assert (await api.get(f"/api/wallet?account_id={account}"))["account_id"] == account


async def test_a_user_is_in_the_personal_account_unless_another_is_named(api: Api) -> None:
    person = await api.user()
    browser = await api.sign_in()
    other = await api.account()
    made = (await api.call("POST", "/api/keys", {"name": "mine"}, operator=False, headers=browser, status=201)).json()
    assert (made["account_id"], made["created_by"]) == (person["account_id"], person["id"])
    await api.call("GET", f"/api/wallet?account_id={other}", operator=False, headers=browser, status=404)
    async with api.db.write_tx() as tx:
        tx.add(MembershipRow(account_id=other, user_id=person["id"], role="viewer"))
    await api.call("GET", f"/api/wallet?account_id={other}", operator=False, headers=browser, status=200)
    path = f"/api/keys/{made['id']}?account_id={other}"
    await api.call("GET", path, operator=False, headers=browser, status=404)


async def test_a_member_changes_only_the_keys_he_made(api: Api) -> None:
    team = await api.account()
    people = await callers(api, team)
    query = f"?account_id={team}"

    async def made_by(who: str) -> str:
        answer = await api.call(
            "POST", f"/api/keys{query}", {"name": who}, operator=False, headers=people[who], status=201
        )
        return str(answer.json()["id"])

    owners, members = await made_by("owner"), await made_by("member")
    for key, who, status in (
        (owners, "member", 403),
        (members, "member", 200),
        (members, "owner", 200),
        (members, "operator", 200),
        (members, "viewer", 403),
    ):
        headers = people[who]
        await api.call(
            "PATCH", f"/api/keys/{key}{query}", {"name": "x"}, operator=False, headers=headers, status=status
        )
        await api.call("POST", f"/api/keys/{key}/rotate{query}", operator=False, headers=headers, status=status)
    await api.call("DELETE", f"/api/keys/{owners}{query}", operator=False, headers=people["member"], status=403)
    await api.call("GET", f"/api/keys/{owners}{query}", operator=False, headers=people["member"], status=200)
