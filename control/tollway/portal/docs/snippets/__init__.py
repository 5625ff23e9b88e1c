"""The code that the documentation shows: one file per block and language, as it runs, with two words to be filled in.

A snippet is coloured once, at its first use, with the words still in it; a page only puts its base URL and model in
their places. So no request pays for a lexer, and nothing that a visitor can choose is ever a cache's key.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

BASE_URL: Final = "__BASE_URL__"
MODEL: Final = "__MODEL__"
_FOLDER: Final = Path(__file__).parent
# Punctuation, spaces, plain names and operators have the colour of the text: their elements would be half the page.
_COLOURLESS: Final = re.compile(r'<span class="(?:p|w|n|o|x|nx|sc|mo)">([^<]*)</span>')


class Language(msgspec.Struct, frozen=True):
    """One tab. `key` is the page's `data-lang`, `suffix` a file's."""

    key: str
    label: str
    lexer: str
    suffix: str


LANGUAGES: Final = (
    Language("curl", "curl", "bash", "sh"),
    Language("python", "Python", "python", "py"),
    Language("node", "Node.js", "javascript", "mjs"),
    Language("go", "Go", "go", "go"),
    Language("php", "PHP", "php", "php"),
    Language("csharp", "C#", "csharp", "cs"),
    Language("java", "Java", "java", "java"),
)


def file_name(block: str, language: Language) -> str:
    """`chat-completions.sh`; Java names a file by its class."""
    stem = block.title().replace("-", "") if language.key == "java" else block
    return f"{stem}.{language.suffix}"


@cache
def source(block: str, language: Language) -> str:
    """The file as it is written here."""
    return (_FOLDER / block / f"{language.key}.txt").read_text("utf-8")


def plain(block: str, language: Language, base_url: str, model: str) -> str:
    """The code with its words filled in, as copying gives it."""
    return source(block, language).replace(BASE_URL, base_url).replace(MODEL, model)


@cache
def coloured(block: str, language: Language) -> Markup:
    """HTML with both words still in it. Raises ValueError when the lexer tore one apart: a mistake in a snippet."""
    text = source(block, language)
    lexer = get_lexer_by_name(language.lexer, stripnl=False)
    html = _COLOURLESS.sub(r"\1", highlight(text, lexer, HtmlFormatter(nowrap=True)))
    for word in (BASE_URL, MODEL):
        if html.count(word) != text.count(word):
            raise ValueError(f"{word} is in pieces in {block}, {language.key}")
    # Made of our own files by Pygments, which escapes.
    return Markup(html)  # noqa: S704


def shown(block: str, language: Language, base_url: str, model: str, kind: str) -> Markup:
    """The coloured code of one language, filled in."""
    return fill(coloured(block, language), base_url, model, kind)


def fill(html: str, base_url: str, model: str, kind: str) -> Markup:
    """HTML of ours with its words filled in. The model stands in an element of its own, found by the model's kind."""
    marked = Markup('<span data-model="{}">{}</span>').format(kind, model)
    # What is filled in is escaped here; the rest is no visitor's. `str`, since Markup would escape once more.
    return Markup(str(html).replace(BASE_URL, str(escape(base_url))).replace(MODEL, str(marked)))  # noqa: S704
