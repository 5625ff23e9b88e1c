"""A browser without a screen: keeps cookies, sends forms with the token of the page that showed them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.integration.api.conftest import PASSWORD, Api

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_TAG = re.compile(r"<(?!!)[^>]*>")
Fields = Mapping[str, str | Sequence[str]]


class Browser:
    """One person's. `signed_in` makes one with a session."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.cookies: dict[str, str] = {}

    @classmethod
    async def signed_in(cls, api: Api, email: str = "ada@example.com", **user: str) -> Browser:
        """A fresh user, signed in."""
        await api.user(email, **user)
        browser = cls(api)
        name, _, value = (await api.sign_in(email))["cookie"].partition("=")
        browser.cookies[name] = value
        return browser

    async def send(self, method: str, path: str, *, origin: bool = True, **more: Any) -> httpx.Response:
        """One request; cookies that the answer sets are kept."""
        self.api.client.cookies.clear()
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if origin:
            headers["origin"] = "http://testserver.local"
        answer = await self.api.call(method, path, operator=False, headers=headers, **more)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        return answer

    async def open(self, path: str, status: int = 200) -> str:
        """The page's HTML; its status is asserted."""
        answer = await self.send("GET", path)
        assert answer.status_code == status, f"GET {path}: {answer.status_code} {text_of(answer.text)[:600]}"
        return answer.text

    async def post(self, path: str, fields: Fields, *, page: str | None = None, csrf: bool = True) -> httpx.Response:
        """Send a form as the page `page` (or `path`) would."""
        shown = await self.open(page or path) if csrf else ""
        token = _TOKEN.search(shown)
        data = dict(fields) | ({"csrf_token": token.group(1)} if token else {})
        return await self.send("POST", path, data=data)

    async def submit(self, path: str, fields: Fields, status: int = 303, *, page: str | None = None) -> httpx.Response:
        """`post` with its status asserted."""
        answer = await self.post(path, fields, page=page)
        assert answer.status_code == status, f"POST {path}: {answer.status_code} {text_of(answer.text)[:800]}"
        return answer


def text_of(page: str) -> str:
    """What a person reads of a page's content."""
    inner = page.partition("<main")[2] or page
    return " ".join(html.unescape(_TAG.sub(" ", inner)).split())


def value_of(page: str, name: str) -> str:
    """What the input with this name holds."""
    for tag in re.findall(r"<input[^>]*>", page.partition("<main")[2]):
        if f' name="{name}"' in tag:
            found = re.search(r' value="([^"]*)"', tag)
            return html.unescape(found.group(1)) if found else ""
    raise AssertionError(f"no input {name}")


__all__ = ["PASSWORD", "Browser", "Fields", "text_of", "value_of"]
