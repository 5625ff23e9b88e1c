"""What the model form says, as the service's body: prices by name, routes by row.

Rows of routes are numbered fields, so that the form works without a script: empty rows stand below the filled ones, and
"Add rows" shows the form again with more. A row without an upstream is left out.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from tollway.errors import FieldError, Invalid
from tollway.models.schemas import ROUTES_MAX, Kind, ModelView
from tollway.money import PRICE_FIELDS
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_
from tollway.portal.operate.common import one_of

KINDS: Final = (
    ("chat", N_("Chat")),
    ("completion", N_("Completion")),
    ("embedding", N_("Embedding")),
    ("image", N_("Image")),
    ("audio", N_("Audio")),
    ("rerank", N_("Rerank")),
    ("moderation", N_("Moderation")),
)
MODALITIES: Final = (
    ("text", N_("Text")),
    ("image", N_("Image")),
    ("audio", N_("Audio")),
    ("video", N_("Video")),
    ("file", N_("File")),
    ("embedding", N_("Embedding")),
)
_TOKENS: Final = N_("per million tokens")
# name → label, unit; the contract's order.
PRICES: Final = {
    "input": (N_("Input"), _TOKENS),
    "cache_read": (N_("Cached input"), _TOKENS),
    "cache_write_5m": (N_("Cache write, 5 min"), _TOKENS),
    "cache_write_1h": (N_("Cache write, 1 h"), _TOKENS),
    "output": (N_("Output"), _TOKENS),
    "reasoning": (N_("Reasoning"), _TOKENS),
    "audio_input": (N_("Audio input"), _TOKENS),
    "audio_output": (N_("Audio output"), _TOKENS),
    "image_input": (N_("Image input"), _TOKENS),
    "image_output": (N_("Image output"), _TOKENS),
    "request": (N_("Request"), N_("each")),
    "image": (N_("Image"), N_("each")),
    "second": (N_("Second"), N_("each")),
    "character": (N_("Characters"), N_("per million characters")),
}
# What is asked for first; all other prices are one click away.
_FIRST: Final = {
    "chat": ("input", "cache_read", "output", "reasoning"),
    "completion": ("input", "output"),
    "embedding": ("input",),
    "image": ("image", "input", "image_output"),
    "audio": ("second", "character", "input", "output"),
    "rerank": ("request", "input"),
    "moderation": ("request", "input"),
}
OUTPUT_OF: Final = {"embedding": "embedding", "image": "image", "audio": "audio"}
EMPTY_ROWS: Final = 2
# What an address may carry of a name; the services have bounds of their own.
_NAME_CHARS_MAX: Final = 256
FIELDS: Final = one_of(
    (
        *("name", "display_name", "description", "owned_by", "kind", "context_length", "max_output_tokens"),
        *("input_modalities", "output_modalities", "prices", "limits.rpm"),
    ),
    "prices.",
    "route-",
)


class Row(msgspec.Struct):
    """One row of the routes' table, as typed or as stored."""

    n: int
    upstream: str = ""
    upstream_model: str = ""
    priority: str = "0"
    weight: str = "1"


def kind_of(form: Form, view: ModelView | None, wished: str = "") -> str:
    """The kind the page is drawn for."""
    kind = form.value("kind", view.kind if view is not None else wished)
    return kind if kind in get_args(Kind) else "chat"


def begun(name: str, upstream: str, kind: str) -> Form:
    """A new model's form that has its name and one route already; empty without a name."""
    if not name:
        return Form()
    kind = kind if kind in get_args(Kind) else "chat"
    values = {
        "name": name[:_NAME_CHARS_MAX],
        "kind": kind,
        "enabled": "on",
        "input_modalities": "text",
        "output_modalities": OUTPUT_OF.get(kind, "text"),
        "route-0-upstream": upstream[:_NAME_CHARS_MAX],
        "route-0-upstream_model": name[:_NAME_CHARS_MAX],
    }
    numbers = {
        f"route-{n}-{field}": default for n in range(2) for field, default in (("priority", "0"), ("weight", "1"))
    }
    return Form({field: [value] for field, value in (values | numbers | {"route-1-upstream": ""}).items()})


def split_prices(kind: str) -> tuple[list[str], list[str]]:
    """Those of this kind first, then all others."""
    first = list(_FIRST[kind])
    return first, [name for name in PRICES if name not in first]


def rows(form: Form, view: ModelView | None) -> list[Row]:
    """What the page shows: the typed rows, else the stored ones, and empty ones below."""
    if form.values:
        filled = _typed(form)
        shown = max((row.n for row in filled), default=-1) + 1
        wanted = _counted(form) + (EMPTY_ROWS if form.value("do") == "add-rows" else 0)
    else:
        routes = view.routes if view is not None else []
        filled = [
            Row(n, route.upstream, route.upstream_model, str(route.priority), str(route.weight))
            for n, route in enumerate(routes)
        ]
        shown, wanted = len(filled), len(filled) + EMPTY_ROWS
    by_number = {row.n: row for row in filled}
    return [by_number.get(n) or Row(n) for n in range(min(max(shown, wanted), ROUTES_MAX))]


def values(form: Form) -> dict[str, Any]:
    """All fields but the name. Raises Invalid."""
    return {
        "display_name": form.text("display_name"),
        "description": form.text("description"),
        "owned_by": form.text("owned_by"),
        "kind": form.value("kind"),
        "enabled": form.checked("enabled"),
        "context_length": form.whole("context_length"),
        "max_output_tokens": form.whole("max_output_tokens"),
        "input_modalities": form.many("input_modalities"),
        "output_modalities": form.many("output_modalities"),
        "prices": {name: form.text(f"prices.{name}") for name in PRICE_FIELDS},
        "free": form.checked("free"),
        "limits": {"rpm": form.whole("limits.rpm")},
        "routes": [_route(form, row) for row in _stated(form)],
    }


def shown(form: Form) -> dict[str, str]:
    """The service numbers the routes that are stated; the form also has the rows between them."""
    places: dict[str, str] = {}
    try:
        stated = _stated(form)
    except Invalid:
        return places
    for position, row in enumerate(stated):
        places[f"routes[{position}]"] = f"route-{row.n}-upstream"
        for field in ("upstream", "upstream_model", "priority", "weight"):
            places[f"routes[{position}].{field}"] = f"route-{row.n}-{field}"
    return places


def _counted(form: Form) -> int:
    return sum(1 for n in range(ROUTES_MAX) if f"route-{n}-upstream" in form.values)


def _typed(form: Form) -> list[Row]:
    found = []
    for n in range(_counted(form)):
        texts = {field: form.value(f"route-{n}-{field}").strip() for field in ("upstream", "upstream_model")}
        numbers = {field: form.value(f"route-{n}-{field}").strip() for field in ("priority", "weight")}
        found.append(Row(n, **texts, **numbers))
    return found


def _stated(form: Form) -> list[Row]:
    """Rows that name an upstream. Raises Invalid for one that names a model only: it would be lost silently."""
    typed = _typed(form)
    lost = [
        FieldError(f"route-{row.n}-upstream", "choose an upstream, or empty the row")
        for row in typed
        if row.upstream_model and not row.upstream
    ]
    if lost:
        raise Invalid(lost[0].field, lost[0].message, errors=lost)
    return [row for row in typed if row.upstream]


def _route(form: Form, row: Row) -> dict[str, Any]:
    route: dict[str, Any] = {"upstream": row.upstream}
    if row.upstream_model:
        route["upstream_model"] = row.upstream_model
    for field in ("priority", "weight"):
        number = form.whole(f"route-{row.n}-{field}")
        if number is not None:
            route[field] = number
    return route
