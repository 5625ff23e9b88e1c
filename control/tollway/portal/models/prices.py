"""How prices are read by people: those per million tokens, those per unit, and which stand in for one that is absent.

The amounts are the API's decimal strings, exact and with the group's multiplier in them; nothing is computed here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from babel.numbers import format_decimal

from tollway.models.schemas import MemberModelView
from tollway.money import TOKEN_PRICES
from tollway.portal.frame.translate import N_, Words, locale_of

KIND_NAMES: Final = {
    "chat": N_("Chat"),
    "completion": N_("Completion"),
    "embedding": N_("Embedding"),
    "image": N_("Image"),
    "audio": N_("Audio"),
    "rerank": N_("Rerank"),
    "moderation": N_("Moderation"),
}
MODALITY_NAMES: Final = {
    "text": N_("text"),
    "image": N_("image"),
    "audio": N_("audio"),
    "video": N_("video"),
    "file": N_("file"),
    "embedding": N_("vector"),
}
PRICE_NAMES: Final = {
    "input": N_("Input"),
    "cache_read": N_("Input read from cache"),
    "cache_write_5m": N_("Input written to cache, 5 minutes"),
    "cache_write_1h": N_("Input written to cache, 1 hour"),
    "output": N_("Output"),
    "reasoning": N_("Reasoning"),
    "audio_input": N_("Audio input"),
    "audio_output": N_("Audio output"),
    "image_input": N_("Image input"),
    "image_output": N_("Image output"),
    "request": N_("Request"),
    "image": N_("Generated image"),
    "second": N_("Audio"),
    "character": N_("Text to speech"),
}
_PER_TOKENS: Final = N_("per million tokens")
_UNITS: Final = {
    "request": N_("per request"),
    "image": N_("per image"),
    "second": N_("per second"),
    "character": N_("per million characters"),
}


class Glance(msgspec.Struct):
    """A model's prices in one row of a list: those of input and output, and those per unit as (amount, unit)."""

    input: str | None
    output: str | None
    units: list[tuple[str, str]]


class Line(msgspec.Struct):
    """One price: its name, amount, unit, and the name of the price it was taken from when it is not stated itself."""

    name: str
    amount: str
    unit: str
    taken_from: str | None = None


def glance(view: MemberModelView) -> Glance:
    """For the list of models."""
    prices = view.prices or {}
    units = [(prices[name], unit) for name, unit in _UNITS.items() if name in prices]
    return Glance(prices.get("input"), prices.get("output"), units)


def table(view: MemberModelView) -> list[Line]:
    """All prices that a request can be charged by."""
    prices = view.prices or {}
    lines = [
        Line(PRICE_NAMES[name], prices[name], _UNITS.get(name, _PER_TOKENS)) for name in PRICE_NAMES if name in prices
    ]
    for name, stand_in in TOKEN_PRICES:
        if name not in prices and stand_in in prices and _is_met(view, name):
            lines.append(Line(PRICE_NAMES[name], prices[stand_in], _PER_TOKENS, PRICE_NAMES[stand_in]))
    order = list(PRICE_NAMES.values())
    return sorted(lines, key=lambda line: order.index(line.name))


def _is_met(view: MemberModelView, price: str) -> bool:
    """Whether a request to this model can count tokens of this kind, as far as its kind and modalities tell."""
    family, _, direction = price.partition("_")
    if family in ("audio", "image"):
        return family in (view.input_modalities if direction == "input" else view.output_modalities)
    return view.kind == "chat"


def unit_of(price: str) -> str:
    """The unit of one price by its API name, as a message."""
    return _UNITS.get(price, _PER_TOKENS)


def factor(multiplier: str, spoken: Words) -> str:
    """A multiplier with all of its places: `1.0`, `1,25`."""
    return str(format_decimal(Decimal(multiplier), "#,##0.0#####", locale=locale_of(spoken.language)))
