"""Headers, tokens and addresses made to break a page: none of them is answered as a fault of ours."""

from __future__ import annotations

import pytest
from litestar import Litestar

from tests.integration.api.conftest import Api
from tests.integration.portal.browser import Browser
from tollway.portal.frame import translate

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("weight", [b"\xb2", b"1e999", b"nan", b"-1", b"1.", b".", b"", b"0.8;x", b"\xb2.\xb3"])
async def test_any_weight_of_a_language_gives_a_page(api: Api, weight: bytes) -> None:
    answer = await api.client.get("/sign-in", headers={b"accept-language": b"vi;q=" + weight + b",en;q=0.1"})
    assert answer.status_code == 200
    assert answer.headers["content-language"] in translate.LANGUAGES


async def test_a_form_token_that_is_not_ascii_is_a_stale_form(api: Api) -> None:
    browser = Browser(api)
    await browser.open("/sign-in")
    answer = await browser.send("POST", "/sign-in", data={"csrf_token": "a.é"})
    assert answer.status_code == 403


async def test_an_address_to_go_back_to_may_have_any_letters(api: Api) -> None:
    browser = await Browser.signed_in(api)
    answer = await browser.send("GET", "/sign-in", params={"next": "/models/ế?q=é&x=%2F"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/models/%E1%BA%BF?q=%C3%A9&x=%2F"


async def test_an_error_whose_page_fails_is_said_plainly(
    api: Api, app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(app.state._state, "error_page", broken)
    answer = await api.client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "secret detail" not in answer.text


async def test_the_type_of_a_page_names_its_encoding_once(api: Api) -> None:
    page = await api.client.get("/sign-in")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in ("frame.js", "portal.css"):
        asset = await api.client.get(f"/assets/x/{name}")
        assert asset.status_code == 200
        assert asset.headers["content-type"].count("charset") == 1
