"""Every operators' page: as an operator, as an auditor who sees no buttons, and closed to everybody else."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.operators import Browser, Forms
from tollway.http.access import Access
from tollway.portal.operate.routes import ACCESS

pytestmark = pytest.mark.integration

# A model with a slash in its name, because such a name is the rest of a path.
MODEL, UPSTREAM, GROUP = "team/m-1", "up", "gold"
LEADS_ON = {"/operate"}


async def paths(api: Api) -> dict[tuple[str, str], str]:
    """Every route of the operators' pages, about things that exist."""
    await api.upstream(UPSTREAM, credentials=[{"secret": "s" * 40}], headers={"X-Title": "Tollway"})
    await api.model(MODEL, routes=[{"upstream": UPSTREAM}])
    await api.make("/api/admin/groups", {"name": GROUP})
    account = await api.account()
    await api.make("/api/admin/keys", {"account_id": account, "name": "ci"})
    code = (await api.make("/api/admin/redemption-codes", {"amount": "5"}))["ids"][0]
    invite = (await api.make("/api/admin/invites", {"note": "for Ada"}))["id"]
    filled = {}
    for method, template in ACCESS:
        name = next(
            (n for part, n in (("upstreams", UPSTREAM), ("models", MODEL), ("groups", GROUP)) if part in template), ""
        )
        filled[method, template] = template.format(name=name, account_id=account, code_id=code, invite_id=invite)
    return filled


def buttons(html: str) -> list[tuple[str, str]]:
    """Those within the page's own forms, not the frame's theme switch."""
    return [button for button in Forms(html).buttons if button[0] != "theme"]


async def test_every_page_opens_for_an_operator_with_its_buttons(api: Api) -> None:
    operator, known = await Browser.of(api), await paths(api)
    for (method, template), path in known.items():
        if method != "GET":
            continue
        html = await operator.get(path, 303 if path in LEADS_ON else 200)
        if ("POST", template) in ACCESS:
            assert buttons(html), path


async def test_an_auditor_sees_every_page_without_buttons_and_changes_nothing(api: Api) -> None:
    known = await paths(api)
    auditor = await Browser.of(api, "auditor")
    before = await api.state()
    for (method, template), path in known.items():
        if method == "GET":
            looks = ACCESS[method, template] is Access.AUDITOR
            html = await auditor.get(path, (303 if path in LEADS_ON else 200) if looks else 403)
            assert not buttons(html), path
            assert not looks or "/new" not in html, path
        else:
            token = Forms(await auditor.get("/operate/groups")).value("csrf_token")
            for do in ("save", "delete", "credit", "disable-key", "revoke", "withdraw", "test", "discover"):
                answer = await auditor.post(path, [("csrf_token", token), ("do", do)])
                assert answer.status_code == 403, path
    assert await api.state() == before


@pytest.mark.parametrize("role", ["user", None])
async def test_nobody_else_gets_in(api: Api, role: str | None) -> None:
    known = await paths(api)
    headers = {} if role is None else (await Browser.of(api, role)).headers
    browser = Browser(api, headers | {"origin": "http://testserver.local"})
    before = await api.state()
    for (method, _), path in known.items():
        answer = await api.call(method, path, operator=False, headers=browser.headers)
        assert answer.status_code == (403 if role else 303), path
        if role is None:
            assert answer.headers["location"].startswith("/sign-in?next="), path
    assert await api.state() == before


async def test_a_form_without_this_browsers_token_changes_nothing(api: Api) -> None:
    operator, known = await Browser.of(api), await paths(api)
    before = await api.state()
    for (method, _), path in known.items():
        if method == "POST":
            for pairs in ([], [("csrf_token", "x.y")]):
                answer = await operator.post(path, [*pairs, ("name", "n"), ("do", "delete"), ("confirm", UPSTREAM)])
                assert answer.status_code == 403, path
    assert await api.state() == before


async def test_operate_itself_leads_to_its_first_page(api: Api) -> None:
    operator = await Browser.of(api)
    answer = await api.call("GET", "/operate", operator=False, headers=operator.headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operate/upstreams")


@pytest.mark.parametrize("role", ["operator", "auditor", "user"])
async def test_every_link_of_the_sidebar_opens(api: Api, role: str) -> None:
    browser = await Browser.of(api, role)
    links = set(re.findall(r'<li><a href="(/[^"]*)"', (await browser.get("/docs")).partition("<main")[0]))
    assert len(links) == (15 if role != "user" else 7)
    for link in links:
        await browser.get(link)


async def test_pages_about_nothing_are_not_found(api: Api) -> None:
    operator = await Browser.of(api)
    nothing = ("codes/code_none/revoke", "settings/invites/inv_none/withdraw")
    for path in ("upstreams/edit/none", "models/edit/no/such", "groups/edit/none", "accounts/acc_none", *nothing):
        await operator.get(f"/operate/{path}", 404)
        token = Forms(await operator.get("/operate/groups")).value("csrf_token")
        answer = await operator.post(f"/operate/{path}", [("csrf_token", token), ("do", "save"), ("version", "1")])
        assert answer.status_code in (404, 422), path


async def test_empty_and_senseless_forms_are_refused_without_a_fault(api: Api) -> None:
    operator, known = await Browser.of(api), await paths(api)
    before = await api.state()
    for (method, _), path in known.items():
        if method != "POST":
            continue
        token = Forms(await operator.get("/operate/groups")).value("csrf_token")
        for do in ("save", "delete", "credit", "debit", "disable-key", "nonsense", ""):
            for junk in (
                [],
                [("name", "\x01\U0001f600"), ("version", "9" * 40), ("amount", "1e9"), ("limits.rpm", "-1")],
            ):
                answer = await operator.post(path, [("csrf_token", token), ("do", do), *junk])
                assert answer.status_code in (404, 412, 422), f"{path} {do}: {answer.status_code}"
    assert await api.state() == before


async def test_lists_search_and_page(api: Api) -> None:
    operator = await Browser.of(api)
    for n in range(52):
        await api.upstream(f"u-{n:03}")
    html = await operator.get("/operate/upstreams")
    assert "u-000" in html
    assert "u-049" in html
    assert "u-050" not in html
    following = next(part for part in html.split('"') if part.startswith("/operate/upstreams?cursor="))
    html = await operator.get(following.replace("&amp;", "&"))
    assert "u-050" in html
    assert "u-049" not in html
    html = await operator.get("/operate/upstreams?q=u-05")
    assert "u-051" in html
    assert "u-000" not in html
    assert "u-000" not in await operator.get("/operate/upstreams?q=nothing-like-it")
    await operator.get("/operate/upstreams?cursor=junk", 422)


async def test_what_is_stored_is_never_html(api: Api) -> None:
    operator = await Browser.of(api)
    evil = '<script>alert("1")</script>'
    account = await api.account(name=evil)
    await api.make("/api/admin/groups", {"name": "g", "description": evil})
    await api.model("m", display_name=evil, description=evil, owned_by=evil)
    code = (await api.make("/api/admin/redemption-codes", {"amount": "5", "note": evil}))["ids"][0]
    invite = (await api.make("/api/admin/invites", {"note": evil}))["id"]
    more = ("codes", f"codes/{code}/revoke", "settings", f"settings/invites/{invite}/withdraw")
    for path in (
        *more,
        "accounts",
        f"accounts/{account}",
        "groups",
        "groups/edit/g",
        "models",
        "models/edit/m",
        "audit",
    ):
        html = await operator.get(f"/operate/{path}")
        assert "<script>alert" not in html, path
        assert "&lt;script&gt;" in html, path
