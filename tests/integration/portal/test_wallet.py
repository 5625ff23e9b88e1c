"""The wallet's page: what is there and what moved, exactly; a code is redeemed once and by whom the account lets."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.browser import Browser, text_of, value_of
from tests.support.settles import settle_row
from tollway.db.tables import MembershipRow
from tollway.ids import new_id
from tollway.ledger import close_epoch, grant_lease, settle_batch

pytestmark = pytest.mark.integration


async def account_of(browser: Browser) -> str:
    return str((await browser.send("GET", "/api/me")).json()["account_id"])


async def credit(api: Api, account: str, amount: str, reason: str = "") -> None:
    headers = {"idempotency-key": new_id("txn")}
    body = {"amount": amount, "reason": reason}
    await api.call("POST", f"/api/admin/accounts/{account}/credits", body, headers=headers, status=201)


async def charge(api: Api, account: str, nano: int) -> str:
    """One settled request; returns its id."""
    node = new_id("node")
    async with api.db.write_tx() as tx:
        await grant_lease(tx, node, 1, 1, account, nano)
        row = settle_row(1, account, nano)
        await settle_batch(tx, node, 1, [row])
        await close_epoch(tx, node, 1)
    found = (await api.get(f"/api/admin/usage?account_id={account}"))["data"][0]
    return str(found["request_id"])


async def code(api: Api, amount: str = "5") -> str:
    made = await api.make("/api/admin/redemption-codes", {"amount": amount})
    return str(made["codes"][0])


def cells(page: str) -> list[list[str]]:
    """The rows of the table of movements."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [[text_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows]


async def test_an_empty_wallet_says_what_happens_and_what_to_do(api: Api) -> None:
    browser = await Browser.signed_in(api)
    page = await browser.open("/wallet")
    assert "402 insufficient_balance" in text_of(page)
    assert "Nothing has moved yet" in page
    assert 'name="code"' in page
    await credit(api, await account_of(browser), "0.000000001")
    page = await browser.open("/wallet")
    assert "402" not in text_of(page)
    assert "$0.000000001" in text_of(page)


async def test_movements_show_what_for_how_much_and_the_balance_after(api: Api) -> None:
    browser = await Browser.signed_in(api)
    account = await account_of(browser)
    await credit(api, account, "10", "welcome <b>")
    request_id = await charge(api, account, 12_345)
    await credit(api, account, "-1.5", "too much")
    page = await browser.open("/wallet")
    assert [row[1:] for row in cells(page)] == [
        ["Taken back", "too much", "-$1.50", "$8.499987655"],
        ["Charged", request_id, "-$0.000012345", "$9.999987655"],
        ["Added", "welcome <b>", "+$10.00", "$10.00"],
    ]
    assert f'href="/usage/{request_id}"' in page
    figures = re.findall(r'class="figure-value">([^<]*)<', page)
    assert figures == ["$8.499987655", "$0.00", "$0.000012345"]
    assert [row[2] for row in cells(await browser.open("/wallet?q=too"))] == ["too much"]
    assert "Nothing matches" in await browser.open("/wallet?q=nonsense")
    page = await browser.open("/wallet?limit=1&lang=vi")
    assert [row[-1] for row in cells(page)] == ["8,499987655 US$"]
    next_page = re.search(r'rel="next" href="([^"]+)"', page)
    assert next_page is not None
    assert [row[-1] for row in cells(await browser.open(next_page.group(1).replace("&amp;", "&")))] == [
        "9,999987655 US$"
    ]
    await browser.open("/wallet?cursor=nonsense", 422)


async def test_a_code_is_redeemed_once(api: Api) -> None:
    browser = await Browser.signed_in(api)
    text = await code(api)
    done = await browser.submit("/wallet", {"code": f" {text.lower().replace('-', ' ')} "})
    assert done.headers["location"] == "/wallet?done=redeemed"
    assert int(done.headers["x-tollway-generation"]) == (await api.state())[0]
    page = await browser.open(done.headers["location"])
    assert "The code is redeemed" in page
    assert [row[2:] for row in cells(page)] == [[f"Redemption code {text[:5]}…", "+$5.00", "$5.00"]]
    assert f"Mã nạp tiền {text[:5]}…" in text_of(await browser.open("/wallet?lang=vi"))
    await browser.open("/wallet?lang=en")

    again = await browser.submit("/wallet", {"code": text}, 409)
    assert "You redeemed this code on" in text_of(again.text)
    assert value_of(again.text, "code") == text
    eve = await Browser.signed_in(api, "eve@example.com")
    theirs = await eve.submit("/wallet", {"code": text}, 409)
    assert "Somebody else redeemed this code on" in text_of(theirs.text)
    vietnamese = await browser.submit("/wallet", {"code": text}, 409, page="/wallet?lang=vi")
    assert "Bạn đã dùng mã này lúc" in text_of(vietnamese.text)
    assert len(cells(await browser.open("/wallet"))) == 1


async def test_a_wrong_code_says_so_by_the_field_and_guessing_is_braked(api: Api) -> None:
    browser = await Browser.signed_in(api)
    before = await api.state()
    for typed, words in (("", "is required"), ("x" * 101, "at most 100"), ("WRONG-CODE", "This code is not known.")):
        answer = await browser.submit("/wallet", {"code": typed}, 422)
        assert 'id="field-code-error"' in answer.text
        assert words in text_of(answer.text)
        assert value_of(answer.text, "code") == typed
    for _ in range(9):
        await browser.submit("/wallet", {"code": "WRONG-CODE"}, 422)
    answer = await browser.submit("/wallet", {"code": await code(api)}, 429)
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many unknown codes" in text_of(answer.text)
    assert (await api.state())[0] == before[0]


async def test_a_revoked_code_is_worth_nothing(api: Api) -> None:
    browser = await Browser.signed_in(api)
    made = await api.make("/api/admin/redemption-codes", {"amount": "5"})
    await api.call("DELETE", f"/api/admin/redemption-codes/{made['ids'][0]}", status=204)
    answer = await browser.submit("/wallet", {"code": made["codes"][0]}, 409)
    assert "revoked by an operator" in text_of(answer.text)
    assert "Nothing has moved yet" in answer.text


async def test_who_only_looks_cannot_redeem(api: Api) -> None:
    account = await api.account()
    await credit(api, account, "3")
    viewer = await Browser.signed_in(api, "viewer@example.com")
    user = (await viewer.send("GET", "/api/me")).json()["user"]["id"]
    async with api.db.write_tx() as tx:
        tx.add(MembershipRow(account_id=account, user_id=user, role="viewer", personal=False))
    viewer.cookies["tollway-account"] = account
    page = await viewer.open("/wallet")
    assert "$3.00" in text_of(page)
    assert 'name="code"' not in page
    text = await code(api)
    await viewer.submit("/wallet", {"code": text}, 403)
    assert (await viewer.post("/wallet", {"code": text}, csrf=False)).status_code == 403
    assert len(cells(await viewer.open("/wallet"))) == 1
    del viewer.cookies["tollway-account"]
    await viewer.submit("/wallet", {"code": text})
