"""The set-up link: one link, until it is used, once."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tests.integration.api.conftest import PASSWORD, Api
from tollway.control_app import ensure_setup_link

pytestmark = pytest.mark.integration

FORM = {"email": "Op@example.com", "name": "Op", "password": PASSWORD}


async def link(api: Api) -> str | None:
    settings = msgspec.structs.replace(api.ctx.settings, admin_token="")
    return await ensure_setup_link(api.db, settings)


async def token(api: Api) -> str:
    url = await link(api)
    assert url is not None
    assert url.startswith("http://testserver.local/setup?token=")
    return parse_qs(urlsplit(url).query)["token"][0]


async def test_the_link_is_the_same_until_it_is_used(api: Api) -> None:
    assert await ensure_setup_link(api.db, api.ctx.settings) is None, "a token in the environment is enough"
    first = await token(api)
    assert await token(api) == first
    made = await api.make("/api/setup", FORM | {"token": first}, operator=False)
    assert (made["email"], made["role"]) == ("op@example.com", "operator")
    assert await link(api) is None
    before = await api.state()
    answer = await api.call("POST", "/api/setup", FORM | {"token": first, "email": "x@y.z"}, operator=False, status=410)
    assert answer.json()["code"] == "setup_done"
    assert await api.state() == before
    browser = await api.sign_in("op@example.com")
    await api.call("GET", "/api/admin/accounts", operator=False, headers=browser, status=200)


async def test_a_wrong_token_is_404_and_a_wrong_field_spends_nothing(api: Api) -> None:
    body = FORM | {"token": "x" * 43}
    await api.call("POST", "/api/setup", body, operator=False, status=404)
    real = await token(api)
    await api.call("POST", "/api/setup", body, operator=False, status=404)
    answer = await api.call("POST", "/api/setup", FORM | {"token": real, "password": "x"}, operator=False, status=422)
    assert answer.json()["errors"][0]["field"] == "password"
    await api.make("/api/setup", FORM | {"token": real}, operator=False)
