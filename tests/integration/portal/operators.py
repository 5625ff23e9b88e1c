"""An operator's browser against the app: forms are filled from the page that shows them, as a browser sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

from tests.integration.api.conftest import Api

Pairs = list[tuple[str, str]]


class Forms(HTMLParser):
    """Every POST form of a page, with what a browser would send of it untouched; and the texts by the fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Pairs] = []
        self.buttons: list[tuple[str, str]] = []
        self.errors: dict[str, str] = {}
        self.alerts: list[str] = []
        self._open = False
        self._fieldsets: list[bool] = []
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""
        self._said = ""
        self._depth = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._listen(tag, given)
        if tag == "form":
            self._open = given.get("method") == "post"
            if self._open:
                self.forms.append([])
        if tag == "fieldset":
            self._fieldsets.append("disabled" in given)
        if self._open and not any(self._fieldsets):
            self._control(tag, given)

    def _listen(self, tag: str, given: dict[str, str]) -> None:
        if self._said:
            self._depth += tag == "div"
        elif tag == "div" and given.get("id", "").endswith("-error"):
            self._said, self._depth, self._text = given["id"].removesuffix("-error"), 1, ""
        elif tag == "div" and given.get("role") == "alert":
            self._said, self._depth, self._text = "alert", 1, ""

    def _control(self, tag: str, given: dict[str, str]) -> None:
        if tag == "input" and "name" in given:
            boxed = given.get("type") in ("checkbox", "radio")
            if not boxed or "checked" in given:
                self.forms[-1].append((given["name"], given.get("value", "on" if boxed else "")))
        elif tag == "select":
            self._select, self._options = given["name"], []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area, self._text = given["name"], ""
        elif tag == "button" and "name" in given:
            self.buttons.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if self._said and tag == "div":
            self._depth -= 1
            if not self._depth:
                if self._said == "alert":
                    self.alerts.append(self._text.strip())
                else:
                    self.errors[self._said] = self._text.strip()
                self._said = ""
        if tag == "fieldset":
            self._fieldsets.pop()
        if tag == "form":
            self._open = False
        if tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self.forms[-1] += [(self._select, value) for value in chosen[-1:]]
            self._select = ""
        if tag == "textarea" and self._area is not None:
            self.forms[-1].append((self._area, self._text.removeprefix("\n")))
            self._area = None

    def handle_data(self, data: str) -> None:
        self._text += data

    def having(self, name: str) -> Pairs:
        """The form with a field of this name."""
        return next(form for form in self.forms if any(field == name for field, _ in form))

    def value(self, name: str) -> str:
        """What a field of this name holds."""
        return next(value for form in self.forms for field, value in form if field == name)

    def values(self, name: str) -> list[str]:
        """All that fields of this name hold."""
        return [value for form in self.forms for field, value in form if field == name]


class Browser:
    """Signed in as somebody; reads pages, fills forms."""

    def __init__(self, api: Api, headers: Mapping[str, str]) -> None:
        self.api = api
        self.headers = dict(headers)

    @classmethod
    async def of(cls, api: Api, role: str = "operator") -> Browser:
        """A new person with this role."""
        email = f"{role}@example.com"
        await api.user(email, role=role)
        return cls(api, await api.sign_in(email))

    async def get(self, path: str, status: int = 200) -> str:
        """A page's HTML."""
        answer = await self.api.call("GET", path, operator=False, headers=self.headers, status=status)
        return answer.text

    async def post(self, path: str, pairs: Pairs) -> httpx.Response:
        """A form as it is, with no token added."""
        headers = self.headers | {"content-type": "application/x-www-form-urlencoded"}
        return await self.api.call("POST", path, operator=False, headers=headers, content=urlencode(pairs))

    async def send(
        self, path: str, changes: Mapping[str, str | Sequence[str] | None], *, do: str = "save", field: str = ""
    ) -> httpx.Response:
        """The page's form that has `field` (else the first changed one), some fields changed, one button pressed."""
        page = Forms(await self.get(path))
        form = page.having(field or next(iter(changes)))
        return await self.post(path, [*filled(form, changes), ("do", do)])


def filled(form: Pairs, changes: Mapping[str, str | Sequence[str] | None]) -> Pairs:
    """A form's pairs with some fields changed."""
    pairs = [(name, value) for name, value in form if name not in changes]
    for name, value in changes.items():
        if isinstance(value, str):
            pairs.append((name, value))
        else:
            pairs += [(name, item) for item in value or ()]
    return pairs
