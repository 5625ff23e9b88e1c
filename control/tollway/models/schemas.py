"""Bodies of models, as operators and as members see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tollway.db.tables import PRICE_COLUMNS, ModelRow, PriceRow, RouteRow
from tollway.http.fields import Decimal, Limits, LimitsWish, LongText, ModelName, ShortText, SlugName, limits_of
from tollway.money import MICRO, PRICE_FIELDS, format_multiplier, format_prices, unscaled

Kind = Literal["chat", "completion", "embedding", "image", "audio", "rerank", "moderation"]
Modality = Literal["text", "image", "audio", "video", "file", "embedding"]
Modalities = Annotated[list[Modality], Meta(min_length=1, max_length=8)]
Tokens = Annotated[int, Meta(ge=1, le=1_000_000_000)]
# The number of routes bounds what the core tries to choose between for one request.
ROUTES_MAX = 64


class RouteWish(msgspec.Struct, forbid_unknown_fields=True):
    """Where a model may be had. Without `upstream_model` the upstream knows it by our name."""

    upstream: SlugName
    upstream_model: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$(?!\n)", min_length=1, max_length=256)] | UnsetType = (
        UNSET
    )
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 0
    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1


class RouteView(msgspec.Struct):
    """A route as shown."""

    upstream: str
    upstream_model: str
    priority: int
    weight: int


class ModelView(msgspec.Struct):
    """A model as operators see it. `price_version` names the version that settlements of new requests will state."""

    name: str
    display_name: str
    description: str
    owned_by: str
    kind: str
    enabled: bool
    context_length: int | None
    max_output_tokens: int | None
    input_modalities: list[str]
    output_modalities: list[str]
    prices: dict[str, str] | None
    price_version: str | None
    free: bool
    limits: Limits
    routes: list[RouteView]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: ModelRow, price: PriceRow | None, routes: Sequence[RouteRow]) -> ModelView:
        """From its rows."""
        prices = format_prices(price_columns(price)) if price is not None else {}
        return cls(
            name=row.name,
            display_name=row.display_name or row.name,
            description=row.description,
            owned_by=row.owned_by,
            kind=row.kind,
            enabled=row.enabled,
            context_length=row.context_length,
            max_output_tokens=row.max_output_tokens,
            input_modalities=row.input_modalities,
            output_modalities=row.output_modalities,
            prices=prices or None,
            price_version=price.id if price is not None and prices else None,
            free=row.free,
            limits=limits_of(row),
            routes=[RouteView(r.upstream_name, r.upstream_model, r.priority, r.weight) for r in routes],
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class MemberModelView(msgspec.Struct):
    """A model as an account sees it: what it may do and what it costs there, multiplier included. No upstreams."""

    name: str
    display_name: str
    description: str
    owned_by: str
    kind: str
    context_length: int | None
    max_output_tokens: int | None
    input_modalities: list[str]
    output_modalities: list[str]
    prices: dict[str, str] | None
    price_multiplier: str
    free: bool

    @classmethod
    def of(cls, row: ModelRow, price: PriceRow | None, multiplier_micro: int) -> MemberModelView:
        """From its rows, at the account's price."""
        columns = price_columns(price) if price is not None else {}
        return cls(
            name=row.name,
            display_name=row.display_name or row.name,
            description=row.description,
            owned_by=row.owned_by,
            kind=row.kind,
            context_length=row.context_length,
            max_output_tokens=row.max_output_tokens,
            input_modalities=row.input_modalities,
            output_modalities=row.output_modalities,
            prices=None if row.free else multiplied(columns, multiplier_micro) or None,
            price_multiplier=format_multiplier(multiplier_micro),
            free=row.free,
        )


def price_columns(price: PriceRow) -> dict[str, int | None]:
    """The prices of a version, by column."""
    return {column: getattr(price, column) for column in PRICE_COLUMNS}


def multiplied(columns: dict[str, int | None], multiplier_micro: int) -> dict[str, str]:
    """Prices × multiplier, exactly: the multiplier's six places are added, nothing is rounded."""
    shown = {}
    for name, (column, places) in PRICE_FIELDS.items():
        value = columns.get(column)
        if value is not None:
            shown[name] = unscaled(value * multiplier_micro, places + len(str(MICRO)) - 1, least=2)
    return shown


Price = Decimal | None | UnsetType


class PricesWish(msgspec.Struct, forbid_unknown_fields=True):
    """Prices as sent: USD per million tokens or characters, or per request, image, second. Null is "not stated"."""

    input: Price = UNSET
    cache_read: Price = UNSET
    cache_write_5m: Price = UNSET
    cache_write_1h: Price = UNSET
    output: Price = UNSET
    reasoning: Price = UNSET
    audio_input: Price = UNSET
    audio_output: Price = UNSET
    image_input: Price = UNSET
    image_output: Price = UNSET
    request: Price = UNSET
    image: Price = UNSET
    second: Price = UNSET
    character: Price = UNSET

    def stated(self) -> dict[str, str]:
        """Those that are."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in values if isinstance(value, str)}


Routes = Annotated[list[RouteWish], Meta(max_length=ROUTES_MAX)]


class ModelPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that may be changed. `prices` and `routes` are replaced whole; null clears."""

    display_name: ShortText | UnsetType | None = UNSET
    description: LongText | UnsetType | None = UNSET
    owned_by: ShortText | UnsetType | None = UNSET
    kind: Kind | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    context_length: Tokens | UnsetType | None = UNSET
    max_output_tokens: Tokens | UnsetType | None = UNSET
    input_modalities: Modalities | UnsetType = UNSET
    output_modalities: Modalities | UnsetType = UNSET
    prices: PricesWish | UnsetType | None = UNSET
    free: bool | UnsetType = UNSET
    limits: LimitsWish | UnsetType | None = UNSET
    routes: Routes | UnsetType | None = UNSET


class ModelCreate(ModelPatch, kw_only=True):
    """A new model; kind `chat` when not stated. Needs prices, or `"free": true`."""

    name: ModelName
