"""Which model each kind of snippet shows, and the tags to choose another by.

The choice is in the address: `?model=<name>`, once for each kind that was chosen. A name that is unknown here, or out
of the viewer's reach, is as if it were not there; a kind without a choice shows its first model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from tollway.models.offered import Offered
from tollway.portal.frame.translate import N_

PARAMETER: Final = "model"
# So many tags of a kind are looked through at a glance; all models have a page of their own.
TAGS_MAX: Final = 24
KINDS: Final = {"chat": N_("Chat models"), "embedding": N_("Embedding models"), "image": N_("Image models")}
"""The kinds that snippets on the page are about, with the name of their row of tags."""


class Tag(msgspec.Struct):
    """One model to choose. `picked`: the address says so; `current`: the snippets show it."""

    name: str
    href: str
    current: bool
    picked: bool


class Row(msgspec.Struct):
    """The tags of one kind. `hidden`: how many more there are than shown."""

    kind: str
    label: str
    tags: list[Tag]
    hidden: int


class Choice(msgspec.Struct):
    """`models`: kind → the model its snippets show, only kinds that have one."""

    models: dict[str, str]
    rows: list[Row]


def choose(offers: Sequence[Offered], wishes: Sequence[str], path: str) -> Choice:
    """What the viewer's address asks for, within what he may call."""
    names = {kind: [offer.name for offer in offers if offer.kind == kind] for kind in KINDS}
    kinds = {offer.name: offer.kind for offer in offers if offer.kind in KINDS}
    picked = {kinds[wish]: wish for wish in wishes if wish in kinds}
    models = {kind: picked.get(kind, found[0]) for kind, found in names.items() if found}
    rows = [_row(kind, found, models[kind], picked, path) for kind, found in names.items() if found]
    return Choice(models, rows)


def _row(kind: str, names: list[str], current: str, picked: dict[str, str], path: str) -> Row:
    shown = names[:TAGS_MAX]
    if current not in shown:
        shown = [*shown[:-1], current]
    tags = [
        Tag(name, _address(path, picked | {kind: name}), name == current, picked.get(kind) == name) for name in shown
    ]
    return Row(kind, KINDS[kind], tags, len(names) - len(shown))


def _address(path: str, picked: dict[str, str]) -> str:
    return f"{path}?{urlencode([(PARAMETER, name) for name in picked.values()])}"
