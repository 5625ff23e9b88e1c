"""`/usage` and `/usage/<id>`: totals, charts without a foreign style, filters in the address, and charges explained."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.integration.api.conftest import Api
from tests.support.booked import book
from tollway.db.tables import ModelRow, PriceRow, utc_now

pytestmark = pytest.mark.integration


class Member:
    """Somebody signed in, with an account and a key."""

    def __init__(self, api: Api, headers: dict[str, str], account: str, key: str) -> None:
        self.api, self.headers, self.account, self.key = api, headers, account, key

    async def page(self, path: str, status: int = 200) -> str:
        """A page as this person."""
        return (await self.api.call("GET", path, status=status, operator=False, headers=self.headers)).text

    async def book(self, **fields: object) -> str:
        """A request of the account's key."""
        return await book(self.api.db, self.account, **{"key_id": self.key, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def member(api: Api) -> Member:
    """Ada."""
    user = await api.user()
    key = await api.make("/api/admin/keys", {"account_id": user["account_id"], "name": "my laptop"})
    return Member(api, await api.sign_in(), user["account_id"], key["id"])


def listed(html: str) -> list[str]:
    """The request ids of the log, in its order."""
    return re.findall(r'href="/usage/(req_\w+)', html)


async def test_nobody_is_sent_to_sign_in(api: Api) -> None:
    for path in ("/usage", "/usage/req_1"):
        answer = await api.call("GET", path, status=303, operator=False)
        assert answer.headers["location"].startswith("/sign-in?next=")


async def test_before_any_traffic_the_page_teaches(member: Member) -> None:
    html = await member.page("/usage")
    assert "No traffic yet" in html
    assert 'href="/docs#quick-start"' in html
    assert "usage.csv" not in html


async def test_totals_chart_and_log(member: Member) -> None:
    now = utc_now()
    first = await member.book(at=now - timedelta(days=3), charge=1_500_000, model="a", input_tokens=12_345)
    second = await member.book(at=now, charge=250, model="b", output_tokens=7)
    await book(member.api.db, "acc_other", at=now, charge=9_000_000_000, model="not-mine")
    html = await member.page("/usage")
    assert "$0.00150025" in html
    assert "12,345" in html
    assert "my laptop" in html
    assert listed(html) == [second, first]
    assert "not-mine" not in html
    assert html.count('<svg class="chart-drawing"') == 1
    assert '<rect class="colour-1"' in html
    assert "1.500.000" not in html
    vietnamese = await member.page("/usage?lang=vi")
    assert "0,00150025" in vietnamese
    assert "12.345" in vietnamese


@pytest.mark.parametrize("show", ["cost", "calls", "tokens", "errors"])
@pytest.mark.parametrize("by", ["model", "key"])
async def test_every_chart_obeys_the_policy(member: Member, show: str, by: str) -> None:
    await member.book(charge=5, input_tokens=3, status=500, model="</title><script>alert(1)</script>")
    html = await member.page(f"/usage?show={show}&by={by}&days=7")
    drawing = re.search(r'<svg class="chart-drawing".*?</svg>', html, re.DOTALL)
    assert drawing is not None
    assert "<rect" in drawing.group(0)
    for word in ("<style", "<script", "style=", "onload", "<desc", "http"):
        assert word not in drawing.group(0)
    assert "<script>alert" not in html


async def test_at_most_six_series_and_the_rest_is_other(member: Member) -> None:
    for n in range(9):
        await member.book(charge=1_000 * (n + 1), model=f"m{n}")
    html = await member.page("/usage")
    legend = re.findall(r'<span class="chart-name">([^<]+)</span> <span class="muted">([^<]+)</span>', html)
    assert [name for name, _ in legend] == ["m8", "m7", "m6", "m5", "m4", "m3", "other"]
    assert legend[-1][1] == "$0.000006"  # 1 + 2 + 3 thousand nano-dollars


async def test_filters_and_the_file_follow_the_address(member: Member) -> None:
    now = utc_now()
    good = await member.book(at=now, model="a", client_request_id="order-17")
    bad = await member.book(at=now, model="b", status=404, error_code="model_not_found")
    old = await member.book(at=now - timedelta(days=40), model="a")
    assert listed(await member.page("/usage")) == [bad, good]
    assert listed(await member.page("/usage?days=90")) == [bad, good, old]
    assert listed(await member.page("/usage?model=a")) == [good]
    assert listed(await member.page("/usage?failed=on")) == [bad]
    assert listed(await member.page("/usage?q=ORDER-1")) == [good]
    assert listed(await member.page("/usage?key_id=key_other")) == []
    day = (now - timedelta(days=40)).date().isoformat()
    html = await member.page(f"/usage?from={day}&to={day}")
    assert listed(html) == [old]
    link = re.search(r'href="(/api/usage\.csv\?[^"]+)"', html)
    assert link is not None
    answer = await member.api.call(
        "GET", link.group(1).replace("&amp;", "&"), status=200, operator=False, headers=member.headers
    )
    assert old in answer.text
    assert good not in answer.text


async def test_pages_of_the_log_meet(member: Member) -> None:
    now = utc_now()
    ids = [await member.book(at=now - timedelta(minutes=n), model="a") for n in range(5)]
    seen: list[str] = []
    path = "/usage?limit=2&model=a"
    while True:
        html = await member.page(path)
        seen += listed(html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        if following is None:
            break
        path = following.group(1).replace("&amp;", "&")
        assert "model=a" in path
    assert seen == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-11-24&to=2026-11-01", "to"),
        ("to=9999-12-31", "to"),
    ],
)
async def test_a_day_that_is_none_is_said_by_its_field(member: Member, query: str, field: str) -> None:
    request_id = await member.book()
    html = await member.page(f"/usage?{query}", 422)
    assert f'id="field-{field}-error"' in html
    typed = query.split("&")[-1].split("=")[1]
    assert f'value="{typed}"' in html
    assert listed(html) == []  # not a list by another filter than the one that was typed
    assert request_id not in html


@pytest.mark.parametrize(
    "query", ["days=0", "days=x", "show=nothing", "by=nobody", "q=%25", "model=%3Cb%3E", "key_id=x"]
)
async def test_an_unknown_choice_is_no_fault(member: Member, query: str) -> None:
    await member.book()
    html = await member.page(f"/usage?{query}")
    assert "<b>" not in html.replace("<b>", "", 0) or "&lt;b&gt;" in html


async def test_a_cursor_of_another_list_is_the_callers_fault(member: Member) -> None:
    await member.book()
    assert "cursor" in await member.page("/usage?cursor=abc", 422)


async def test_one_request_explained(member: Member) -> None:
    async with member.api.db.write_tx() as tx:
        tx.add(ModelRow(name="m"))
        await tx.flush()
        tx.add(PriceRow(id="price_1", model_name="m", input_pico=150_001, output_pico=600_000))
    request_id = await member.book(
        charge=2_041,
        price_id="price_1",
        multiplier_micro=1_234_567,
        input_tokens=7,
        output_tokens=1,
        reasoning_tokens=0,
        estimated=True,
        stream=True,
    )
    html = await member.page(f"/usage/{request_id}")
    for text in ("$0.150001", "$0.000001050007", "$0.000001650007", "× 1.234567", "$0.000002037044191969", "my laptop"):
        assert text in html, text
    assert "do not give this charge" in html  # 2,038 would: a charge that does not follow is not glossed over
    assert "the gateway counted" in html
    assert "$0.000002038" in html
    vietnamese = await member.page(f"/usage/{request_id}?lang=vi")
    assert "× 1,234567" in vietnamese


async def test_a_request_of_another_account_is_not_found(member: Member) -> None:
    request_id = await book(member.api.db, "acc_other")
    await member.page(f"/usage/{request_id}", 404)
    await member.page("/usage/%3Cscript%3E", 404)
    assert "Page not found" in await member.page("/usage/req_none", 404)


async def test_an_operator_sees_an_account_by_its_address(member: Member) -> None:
    request_id = await member.book(charge=5)
    await member.api.user("boss@example.com", role="operator")
    headers = await member.api.sign_in("boss@example.com")
    path = f"/usage?account_id={member.account}"
    html = (await member.api.call("GET", path, status=200, operator=False, headers=headers)).text
    link = f"/usage/{request_id}?account_id={member.account}"
    assert f'href="{link}"' in html
    await member.api.call("GET", link, status=200, operator=False, headers=headers)
    await member.api.call("GET", f"/usage/{request_id}", status=404, operator=False, headers=headers)
