"""Money and prices: decimal strings outside, integers inside, exact both ways.

Outside (API, files): a decimal string in USD, at most 9 places; prices in USD per million tokens or characters, at
most 6 places, or per request, image, second, at most 9 places. Inside: nano-USD (10^-9) and pico-USD (10^-12). One
USD per million tokens is exactly one micro-USD, or 10^6 pico-USD, per token, so no conversion here ever rounds; what
would need rounding is refused. Floats are never accepted: a JSON number has already lost what the caller meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tollway.errors import FieldError, Invalid

NANO_PER_USD: Final = 1_000_000_000
MICRO: Final = 1_000_000
# Far beyond any real wallet and far below 2^63 nano, so that sums of many stay inside BIGINT.
AMOUNT_USD_MAX: Final = 1_000_000_000
PRICE_USD_MAX: Final = 1_000_000

_DECIMAL = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,30}))?", re.ASCII)

# API name → (column of `prices`, places): per million (→ pico) with 6 places, per unit (→ nano) with 9.
PRICE_FIELDS: Final[Mapping[str, tuple[str, int]]] = {
    "input": ("input_pico", 6),
    "cache_read": ("cache_read_pico", 6),
    "cache_write_5m": ("cache_write_5m_pico", 6),
    "cache_write_1h": ("cache_write_1h_pico", 6),
    "output": ("output_pico", 6),
    "reasoning": ("reasoning_pico", 6),
    "audio_input": ("audio_input_pico", 6),
    "audio_output": ("audio_output_pico", 6),
    "image_input": ("image_input_pico", 6),
    "image_output": ("image_output_pico", 6),
    "request": ("request_nano", 9),
    "image": ("image_nano", 9),
    "second": ("second_nano", 9),
    "character": ("character_pico", 6),
}
# Token prices in the order of the contract, each with the one that stands in for it when it is not stated.
TOKEN_PRICES: Final[tuple[tuple[str, str], ...]] = (
    ("input", "input"),
    ("cache_read", "input"),
    ("cache_write_5m", "input"),
    ("cache_write_1h", "input"),
    ("output", "output"),
    ("reasoning", "output"),
    ("audio_input", "input"),
    ("audio_output", "output"),
    ("image_input", "input"),
    ("image_output", "output"),
)


def scaled(text: object, places: int, field: str = "amount") -> int:
    """The decimal string times 10^places, exactly. Raises Invalid (with `field`) for anything else, more places
    included.
    """
    match = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Invalid(field, 'must be a decimal number as a string, such as "12.50"')
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(fraction) > places:
        raise Invalid(field, f"has more than {places} decimal places")
    value: int = int(whole) * 10**places + int(fraction.ljust(places, "0") or "0")
    return -value if sign else value


def unscaled(value: int, places: int, *, least: int = 0) -> str:
    """The decimal string of value / 10^places, trailing zeros cut down to `least` places."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, fraction = divmod(value, 10**places)
    digits = f"{fraction:0{places}d}".rstrip("0").ljust(least, "0") if places else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def parse_usd(text: str, field: str = "amount", *, negative: bool = False) -> int:
    """USD as nano-USD. Refuses negative amounts unless allowed, and amounts beyond ±10^9 USD."""
    nano = scaled(text, 9, field)
    if nano < 0 and not negative:
        raise Invalid(field, "must not be negative")
    if abs(nano) > AMOUNT_USD_MAX * NANO_PER_USD:
        raise Invalid(field, f"must be at most {AMOUNT_USD_MAX}")
    return nano


def format_usd(nano: int) -> str:
    """Nano-USD as USD with 2 to 9 places: `"12.50"`, `"0.000000125"`."""
    return unscaled(nano, 9, least=2)


def parse_multiplier(text: str, field: str = "price_multiplier") -> int:
    """A multiplier as millionths; 0 to 1000, at most 6 places."""
    micro = scaled(text, 6, field)
    if not 0 <= micro <= 1000 * MICRO:
        raise Invalid(field, "must be between 0 and 1000")
    return micro


def format_multiplier(micro: int) -> str:
    """Millionths as a decimal string with at least one place: `"1.0"`."""
    return unscaled(micro, 6, least=1)


def parse_prices(prices: Mapping[str, str], field: str = "prices") -> dict[str, int]:
    """Prices by API name → columns of `prices`. All that is wrong is named at once (Invalid with `errors`)."""
    columns: dict[str, int] = {}
    errors: list[FieldError] = []
    for name, text in prices.items():
        path = f"{field}.{name}"
        known = PRICE_FIELDS.get(name)
        if known is None:
            errors.append(FieldError(path, f"is not a price; known are {', '.join(PRICE_FIELDS)}"))
            continue
        column, places = known
        try:
            value = scaled(text, places, path)
            if value < 0:
                raise Invalid(path, "must not be negative")
            if value > PRICE_USD_MAX * 10**places:
                raise Invalid(path, f"must be at most {PRICE_USD_MAX}")
        except Invalid as exc:
            errors.extend(exc.errors)
        else:
            # per million: value is USD × 10^6 per 10^6 tokens = 10^-12 USD per token; per unit: USD × 10^9 = nano
            columns[column] = value
    if errors:
        raise Invalid(errors[0].field, errors[0].message, errors=errors)
    return columns


def format_prices(columns: Mapping[str, int | None]) -> dict[str, str]:
    """Columns of `prices` → the API's object; prices that are not stated are left out."""
    shown = {}
    for name, (column, places) in PRICE_FIELDS.items():
        value = columns.get(column)
        if value is not None:
            shown[name] = unscaled(value, places, least=2)
    return shown


def filled_token_prices(columns: Mapping[str, int | None]) -> tuple[int, ...]:
    """The ten token prices (pico) in the contract's order, missing ones filled from `input` or `output`, those from
    0.
    """
    filled = []
    for name, stand_in in TOKEN_PRICES:
        value = columns.get(f"{name}_pico")
        filled.append(value if value is not None else columns.get(f"{stand_in}_pico") or 0)
    return tuple(filled)


def charge_nano(
    token_counts: tuple[int, ...],
    token_prices_pico: tuple[int, ...],
    units: Mapping[str, int],
    unit_prices: Mapping[str, int],
    multiplier_micro: int,
) -> int:
    """The exact charge of one request, rounded up once to nano-USD: what the core computes, for audits (I8).

    `units`: requests, images, milliseconds, characters. `unit_prices`: request_nano, image_nano, second_nano,
    character_pico.
    """
    # In 10^-15 USD, so that milliseconds × second price stays whole as well.
    femto = 1000 * sum(n * p for n, p in zip(token_counts, token_prices_pico, strict=True))
    femto += units.get("characters", 0) * unit_prices.get("character_pico", 0) * 1000
    femto += units.get("requests", 0) * unit_prices.get("request_nano", 0) * 1_000_000
    femto += units.get("images", 0) * unit_prices.get("image_nano", 0) * 1_000_000
    femto += units.get("milliseconds", 0) * unit_prices.get("second_nano", 0) * 1000
    return -(-femto * multiplier_micro // (MICRO * 1_000_000))


def to_decimal(nano: int) -> Decimal:
    """Nano-USD as a Decimal, for people's reports only."""
    return Decimal(nano).scaleb(-9)
