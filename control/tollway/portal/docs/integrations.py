"""The cards of tools: which of a tool's ways this gateway serves, and its steps with this host and model filled in.

The cards of a language are made once, with three words still in them; a page only puts its address and model in their
places. Nothing that a visitor can choose is a cache's key.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import msgspec
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from tollway.portal.docs.tools import GROUPS, TOOLS
from tollway.portal.docs.tools.shape import BASE_URL, DIALECTS, MODEL, ORIGIN, Dialect, DialectName, Step, Tool
from tollway.portal.frame.render import environment
from tollway.portal.frame.translate import words

SERVED_DIALECTS: Final[frozenset[DialectName]] = frozenset({"chat"})
"""What the relay answers today. A dialect that is added here brings its tools' steps to the page."""

# Stands where a model would while none is enabled.
NO_MODEL: Final = "YOUR_MODEL"
_COLOURLESS: Final = re.compile(r'<span class="(?:p|w|n|o|x|nx|l|err)">([^<]*)</span>')


class Card(msgspec.Struct):
    """One tool as its card shows it. `dialect`: the way it is served by, else the one that it would need.
    `instead`: ids and names of tools that work today.
    """

    tool: Tool
    dialect: Dialect
    served: bool
    steps: tuple[Step, ...]
    instead: tuple[tuple[str, str], ...]


def card_of(tool: Tool, served: frozenset[DialectName]) -> Card:
    """The first of the tool's ways that is served; without one, what it lacks and what does the same work."""
    for name, steps in tool.ways.items():
        if name in served:
            return Card(tool, DIALECTS[name], True, steps, ())
    others = [TOOLS[other] for other in tool.instead]
    works = tuple((other.id, other.name) for other in others if not served.isdisjoint(other.ways))
    return Card(tool, DIALECTS[next(iter(tool.ways))], False, (), works)


@cache
def coloured(code: str, lexer: str) -> Markup:
    """The code by Pygments, words still in it. Raises ValueError when the lexer tore one apart: a faulty table."""
    html = highlight(code, get_lexer_by_name(lexer, stripnl=False), HtmlFormatter(nowrap=True))
    for word in (ORIGIN, BASE_URL, MODEL):
        if html.count(word) != code.count(word):
            raise ValueError(f"{word} is in pieces in {code!r}")
    # Pygments escapes, and the text is our own.
    return Markup(_COLOURLESS.sub(r"\1", html))  # noqa: S704


def prose(text: str) -> Markup:
    """A sentence; what stands in backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


@cache
def _cards(language: str, served: frozenset[DialectName]) -> str:
    """All cards in one language, words still in them."""
    groups = [(title, [card_of(tool, served) for tool in tools]) for title, tools in GROUPS]
    template = environment(language).get_template("docs/tools.html")
    spoken = words(language)
    html = template.render(groups=groups, coloured=coloured, prose=lambda text: prose(spoken.gettext(text)))
    return re.sub(r">\s*\n\s*<(?!/?(?:span|code)\b)", "><", html)


def integrations(language: str, origin: str, model: str | None) -> Markup:
    """The cards, for one host and the chosen chat model."""
    marked = Markup('<span data-model="chat">{}</span>').format(model) if model else escape(NO_MODEL)
    html = _cards(language, SERVED_DIALECTS)
    for word, text in ((BASE_URL, escape(f"{origin}/v1")), (ORIGIN, escape(origin)), (MODEL, marked)):
        html = html.replace(word, str(text))
    # Our own template with escaped words.
    return Markup(html)  # noqa: S704
