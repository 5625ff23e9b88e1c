"""A page speaks one language: every page, in each language, with nothing of the other in it.

In Vietnamese no text may be an English message of the catalogue, nor hold the small words that no English sentence is
without. In English there may be no letter that only Vietnamese has. Code, names and what is marked with another `lang`
are left out.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.integration.api.conftest import Api
from tollway.portal.frame.translate import catalogue
from tollway.portal.pages import ACCESS

pytestmark = pytest.mark.integration

FILES = ("/assets/", ".csv", ".svg")
PLAIN = sorted(
    path for method, path in ACCESS if method == "GET" and "{" not in path and not any(f in path for f in FILES)
)
# What is no language of ours: code, data, scripts.
OTHER = {"pre", "code", "script", "style", "textarea", "option", "kbd", "samp"}
VOID = {"meta", "link", "input", "br", "hr", "img", "path", "circle", "rect", "line", "polyline"}
SPOKEN_ATTRIBUTES = {"aria-label", "title", "placeholder", "alt"}
ENGLISH = re.compile(
    r"\b(the|and|you|your|with|this|that|is|are|of|for|not|from|was|will|has|have|it)\b", re.IGNORECASE
)
VIETNAMESE = re.compile(r"[ăđơưĂĐƠƯ\u1ea0-\u1ef9]")


class Texts(HTMLParser):
    """The texts that a person reads or hears on a page in its own language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    @property
    def _skips(self) -> bool:
        return any(skips for _, skips in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        foreign = tag != "html" and "lang" in given
        skips = tag in OTHER or foreign or given.get("translate") == "no"
        if tag not in VOID:
            self._open.append((tag, skips))
        if not self._skips and not skips:
            self.found += [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._skips:
            self.found.append(" ".join(data.split()))


def texts(html: str) -> list[str]:
    """See Texts."""
    parser = Texts()
    parser.feed(html)
    return parser.found


def untranslated(text: str) -> bool:
    """Whether the text is an English message that has another Vietnamese form, or reads like an English sentence."""
    other = catalogue("vi").ugettext(text)
    return other != text or len({word.lower() for word in ENGLISH.findall(text)}) > 1


async def test_every_page_in_one_language(api: Api) -> None:
    await api.user("boss@example.com", role="operator")
    headers = await api.sign_in("boss@example.com")
    faults: list[str] = []
    for path in [*PLAIN, "/no-such-page"]:
        for language in ("en", "vi"):
            answer = await api.call("GET", f"{path}?lang={language}", operator=False, headers=headers)
            if answer.status_code in (302, 303):
                continue
            assert answer.status_code < 500, f"{path}: {answer.text[:2000]}"
            assert f'<html lang="{language}"' in answer.text, path
            bad = untranslated if language == "vi" else VIETNAMESE.search
            faults += [f"{path} [{language}]: {text}" for text in texts(answer.text) if bad(text)]
    assert not faults, "\n".join(faults)


async def test_the_public_pages_in_one_language_for_strangers(api: Api) -> None:
    faults: list[str] = []
    for path in ("/docs", "/sign-in", "/sign-up", "/models", "/status"):
        answer = await api.call("GET", f"{path}?lang=vi", operator=False)
        if ("GET", path) in ACCESS:
            assert answer.status_code < 400, answer.text[:2000]
            faults += [f"{path}: {text}" for text in texts(answer.text) if untranslated(text)]
    assert not faults, "\n".join(faults)


def test_the_check_itself_sees_a_mixed_page() -> None:
    assert any(untranslated(text) for text in texts("<p>Bạn <b>Sign in</b></p>"))
    assert any(untranslated(text) for text in texts("<p>This is the way</p>"))
    assert any(untranslated(text) for text in texts('<a aria-label="Sign in">x</a>'))
    assert not [text for text in texts('<pre>This is the way</pre><a lang="en">English</a>') if untranslated(text)]
