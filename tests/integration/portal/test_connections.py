"""No page needs a second connection while it holds one: many at once would wait for each other in vain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.browser import Browser
from tollway.db.engine import Database
from tollway.portal.pages import ACCESS

pytestmark = pytest.mark.integration

_held: ContextVar[bool] = ContextVar("held", default=False)


def once(
    begin: Callable[[Database], AbstractAsyncContextManager[Any]], nested: list[str]
) -> Callable[[Database], AbstractAsyncContextManager[Any]]:
    """The transaction as it is, noting those that begin within another one."""

    @asynccontextmanager
    async def watched(db: Database) -> AsyncIterator[Any]:
        if _held.get():
            nested.append("a transaction began within another one")
        mark = _held.set(True)
        try:
            async with begin(db) as tx:
                yield tx
        finally:
            _held.reset(mark)

    return watched


async def test_no_page_holds_two_connections(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await Browser.signed_in(api, role="operator")
    account = (await browser.send("GET", "/api/me")).json()["account_id"]
    await api.upstream()
    await api.model(routes=[{"upstream": "up", "upstream_model": "m"}])
    # Made by the operator's token, which is somebody else.
    key = await api.make("/api/admin/keys", {"account_id": account, "name": "ci"})
    code = (await api.make("/api/admin/redemption-codes", {"amount": "1"}))["ids"][0]
    invite = (await api.make("/api/admin/invites", {}))["id"]
    named = {"{key_id}": key["id"], "{account_id}": account, "{code_id}": code, "{invite_id}": invite}
    nested: list[str] = []
    monkeypatch.setattr(Database, "read_tx", once(Database.read_tx, nested))
    monkeypatch.setattr(Database, "write_tx", once(Database.write_tx, nested))
    opened = 0
    for method, template in ACCESS:
        path = template
        for name, value in named.items():
            path = path.replace(name, value)
        if method != "GET" or "/{version}/" in path:
            continue
        for name in ("up", "m", "default"):
            answer = await browser.send("GET", path.replace("{name}", name))
            opened += answer.status_code == 200
            assert not nested, path
    assert opened > 20
    async with api.db.read_tx(), api.db.read_tx():
        assert nested, "the watch itself works"
