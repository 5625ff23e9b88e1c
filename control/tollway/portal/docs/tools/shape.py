"""What an entry of the table of tools is made of. Words to be filled in: `__ORIGIN__`, `__BASE_URL__`, `__MODEL__`.

`__ORIGIN__` is scheme and host, for tools that add `/v1` themselves; `__BASE_URL__` ends in `/v1`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

DialectName = Literal["chat", "responses", "messages", "gemini"]


class Dialect(msgspec.Struct, frozen=True):
    """A way to ask: its name, and the path that answers it (a `…` stands for the model)."""

    name: str
    path: str


DIALECTS: Final[dict[DialectName, Dialect]] = {
    "chat": Dialect("Chat Completions", "/v1/chat/completions"),
    "responses": Dialect("Responses", "/v1/responses"),
    "messages": Dialect("Messages", "/v1/messages"),
    "gemini": Dialect("Gemini", "/v1beta/models/…:generateContent"),
}


class Step(msgspec.Struct, frozen=True):
    """One sentence, and what to copy with it: a file (`code`), or fields to fill in. `...` in backticks is code."""

    text: str
    file: str = ""
    code: str = ""
    lexer: str = ""
    fields: tuple[tuple[str, str], ...] = ()


class Tool(msgspec.Struct, frozen=True):
    """A tool. `ways`: steps per dialect that it speaks, the one it likes best first. `instead`: ids of tools for the
    same work, named while this one cannot be served. `note`: what surprises people.
    """

    id: str
    name: str
    ways: dict[DialectName, tuple[Step, ...]]
    note: str = ""
    instead: tuple[str, ...] = ()


def shell(text: str, code: str) -> Step:
    """A step in a terminal."""
    return Step(text, "Shell", code.strip() + "\n", "bash")


def file(text: str, name: str, lexer: str, code: str) -> Step:
    """A step in a file."""
    return Step(text, name, code.strip() + "\n", lexer)


def form(text: str, *fields: tuple[str, str]) -> Step:
    """A step in a settings window: the tool's own labels, and what to put there."""
    return Step(text, fields=fields)


BASE_URL: Final = "__BASE_URL__"
ORIGIN: Final = "__ORIGIN__"
MODEL: Final = "__MODEL__"
KEY: Final = "YOUR_API_KEY"
