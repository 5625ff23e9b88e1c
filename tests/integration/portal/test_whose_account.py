"""A form is about the account that its page showed, whichever account another tab of the browser chose meanwhile."""

from __future__ import annotations

import html
import re

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.browser import Browser
from tollway.db.tables import MembershipRow

pytestmark = pytest.mark.integration

_FORM = re.compile(r'<form method="post" action="([^"]+)"')


async def in_two_accounts(api: Api) -> tuple[Browser, str, str]:
    """Somebody with a personal account, and a member of a team's."""
    browser = await Browser.signed_in(api)
    me = (await browser.send("GET", "/api/me")).json()
    team = await api.account()
    async with api.db.write_tx() as tx:
        tx.add(MembershipRow(account_id=team, user_id=me["user"]["id"], role="member", personal=False))
    return browser, str(me["account_id"]), team


async def available(api: Api, account: str) -> str:
    return str((await api.get(f"/api/wallet?account_id={account}"))["available"])


def action(page: str, path: str) -> str:
    """Where the page's form for `path` is sent."""
    found = [html.unescape(found) for found in _FORM.findall(page)]
    return next(found for found in found if found.partition("?")[0] == path)


async def test_a_code_goes_into_the_wallet_that_the_page_showed(api: Api) -> None:
    browser, own, team = await in_two_accounts(api)
    code = (await api.make("/api/admin/redemption-codes", {"amount": "5"}))["codes"][0]
    shown = action(await browser.open("/wallet"), "/wallet")
    await browser.submit("/preferences", {"account_id": team, "back": "/wallet"}, page="/wallet")
    done = await browser.submit(shown, {"code": code}, page="/wallet")
    assert (await available(api, own), await available(api, team)) == ("5.00", "0.00")
    assert f"account_id={own}" in done.headers["location"], "the browser shows the team's wallet by itself"
    page = await browser.open(done.headers["location"])
    assert "$5.00" in page


async def test_a_key_is_made_in_the_account_that_the_page_showed(api: Api) -> None:
    browser, own, team = await in_two_accounts(api)
    shown = action(await browser.open(f"/keys/new?account_id={team}"), "/keys/new")
    await browser.submit(shown, {"name": "ci"}, 201, page="/keys/new")
    keys = {account: (await api.get(f"/api/keys?account_id={account}"))["data"] for account in (own, team)}
    assert [len(keys[own]), [key["name"] for key in keys[team]]] == [0, ["ci"]]
    assert f"account_id={team}" in await browser.open(f"/keys?account_id={team}")


async def test_a_form_for_an_account_that_is_not_ones_own_does_nothing(api: Api) -> None:
    browser = await Browser.signed_in(api)
    other = await api.account()
    code = (await api.make("/api/admin/redemption-codes", {"amount": "5"}))["codes"][0]
    before = await api.state()
    await browser.submit(f"/wallet?account_id={other}", {"code": code}, 404, page="/wallet")
    assert await api.state() == before


async def test_the_chosen_account_needs_no_name_in_addresses(api: Api) -> None:
    browser, _own, team = await in_two_accounts(api)
    await browser.submit("/preferences", {"account_id": team, "back": "/keys"}, page="/keys")
    code = (await api.make("/api/admin/redemption-codes", {"amount": "5"}))["codes"][0]
    done = await browser.submit(action(await browser.open("/wallet"), "/wallet"), {"code": code}, page="/wallet")
    assert done.headers["location"] == "/wallet?done=redeemed"
    assert await available(api, team) == "5.00"
