"""One request's charge, step by step, from what its row stored: count × price = amount, × multiplier, rounded up once.

Every amount is exact: a price has 10^-12 USD per token, a second 10^-9 in 1,000 parts, a multiplier 10^-6, so sums are
whole numbers of 10^-15 and products of 10^-21 USD. Nothing here decides a charge; the gateway did. `agrees` says
whether it follows from the counts (law I8).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import select

from tollway.db.engine import ReadTx
from tollway.db.tables import PRICE_COLUMNS, PriceRow, RequestRow
from tollway.errors import NotFound
from tollway.money import TOKEN_PRICES, format_multiplier, format_usd, unscaled
from tollway.usage.schemas import OUTCOMES, MemberUsageView

_FEMTO_PLACES: Final = 15
_FEMTO_PER_PICO: Final = 1_000
_PRODUCT_PLACES: Final = 21
_NANO_OF_PRODUCT: Final = 10**12
# Unit → (name of its price, its column, its places as shown, femto-USD per unit and per 1 of the column).
_UNITS: Final[Mapping[str, tuple[str, str, int, int]]] = {
    "requests": ("request", "request_nano", 9, 1_000_000),
    "images": ("image", "image_nano", 9, 1_000_000),
    "milliseconds": ("second", "second_nano", 9, 1_000),
    "characters": ("character", "character_pico", 6, 1_000),
}


class Part(msgspec.Struct):
    """One line: `count` at `price` (per million tokens or characters, or per unit; milliseconds per second).

    `price_name` is the API's; `taken_from` names the price that stood in for one that was not stated.
    """

    count_name: str
    count: int
    price_name: str
    price: str
    amount: str
    taken_from: str | None = None


class Explanation(msgspec.Struct):
    """From counts to what the wallet paid. `charge` = the smaller of `rounded` and `hold`; the rest is `excess`."""

    usage: MemberUsageView
    outcome: str
    parts: list[Part]
    sum: str
    multiplier: str
    product: str
    rounded: str
    hold: str
    charge: str
    excess: str
    posted: str
    priced: bool
    price_valid_from: datetime | None
    agrees: bool


async def explain(tx: ReadTx, account_id: str, request_id: str) -> Explanation:
    """The request by its `x-request-id`. Raises NotFound, also for another account's."""
    wanted = select(RequestRow).where(RequestRow.account_id == account_id, RequestRow.request_id == request_id)
    row = await tx.session.scalar(wanted.limit(1))
    if row is None:
        raise NotFound("there is no such request in this account; it shows within 2 s of its end")
    price = await tx.session.get(PriceRow, row.price_id) if row.price_id is not None else None
    return explanation(row, price)


def explanation(row: RequestRow, price: PriceRow | None) -> Explanation:
    """From the row and the version of prices it was charged at."""
    columns = {column: getattr(price, column) for column in PRICE_COLUMNS} if price is not None else {}
    parts, femto = _parts(row, columns)
    product = femto * row.multiplier_micro
    rounded_nano = -(-product // _NANO_OF_PRODUCT)
    return Explanation(
        usage=MemberUsageView.of(row),
        outcome=OUTCOMES[row.outcome],
        parts=parts,
        sum=unscaled(femto, _FEMTO_PLACES, least=2),
        multiplier=format_multiplier(row.multiplier_micro),
        product=unscaled(product, _PRODUCT_PLACES, least=2),
        rounded=format_usd(rounded_nano),
        hold=format_usd(row.hold_nano),
        charge=format_usd(row.charge_nano),
        excess=format_usd(row.excess_nano),
        posted=format_usd(row.posted_nano),
        priced=price is not None,
        price_valid_from=price.valid_from if price is not None else None,
        agrees=rounded_nano == row.charge_nano + row.excess_nano,
    )


def _parts(row: RequestRow, columns: Mapping[str, int | None]) -> tuple[list[Part], int]:
    """The lines of what was counted and priced, and their exact sum in femto-USD."""
    parts: list[Part] = []
    total = 0
    for name, stand_in in TOKEN_PRICES:
        count = int(getattr(row, f"{name}_tokens"))
        own = columns.get(f"{name}_pico")
        pico = own if own is not None else columns.get(f"{stand_in}_pico") or 0
        femto = count * pico * _FEMTO_PER_PICO
        total += femto
        if count:
            taken = None if own is not None or name == stand_in else stand_in
            parts.append(Part(f"{name}_tokens", count, name, unscaled(pico, 6, least=2), _usd(femto), taken))
    for unit, (price_name, column, places, femto_each) in _UNITS.items():
        count, price = int(getattr(row, unit)), columns.get(column) or 0
        femto = count * price * femto_each
        total += femto
        if femto:
            parts.append(Part(unit, count, price_name, unscaled(price, places, least=2), _usd(femto)))
    return parts, total


def _usd(femto: int) -> str:
    return unscaled(femto, _FEMTO_PLACES, least=2)


class LineView(msgspec.Struct):
    """One line of a charge: `count` (of `unit`) × `unit_price` (USD per million tokens or characters, per request,
    image or second) = `amount`, exactly. `taken_from`: the price that stood in for one that was not stated.
    """

    item: str
    unit: str
    count: int
    unit_price: str
    amount: str
    taken_from: str | None


class DetailView(MemberUsageView, kw_only=True):
    """A request and how its charge came about: the sum of the lines × `price_multiplier` = `exact`, rounded up once to
    a billionth of a dollar; of that the `excess` over the `hold` is not charged. `posted` is what the wallet paid.
    """

    outcome: str
    lines: list[LineView]
    sum: str
    price_multiplier: str
    exact: str
    hold: str
    excess: str
    posted: str

    @classmethod
    def explained(cls, found: Explanation) -> DetailView:
        """From the explanation."""
        view = {name: getattr(found.usage, name) for name in MemberUsageView.__struct_fields__}
        lines = [
            LineView(part.price_name, part.count_name, part.count, part.price, part.amount, part.taken_from)
            for part in found.parts
        ]
        return cls(
            **view,
            outcome=found.outcome,
            lines=lines,
            sum=found.sum,
            price_multiplier=found.multiplier,
            exact=found.product,
            hold=found.hold,
            excess=found.excess,
            posted=found.posted,
        )
