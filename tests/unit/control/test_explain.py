"""A charge explained comes to the charge that was stored, for all prices and counts (law I8)."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.db.tables import COUNT_COLUMNS, PRICE_COLUMNS, UNIT_COLUMNS, PriceRow, RequestRow
from tollway.money import NANO_PER_USD, charge_nano, filled_token_prices, parse_usd
from tollway.usage.explain import DetailView, explanation
from tollway.usage.latency import percentile

pytestmark = pytest.mark.unit

# USD per million at most 10^6 in pico, per unit in nano; counts beyond any real request.
PRICE = st.one_of(st.none(), st.integers(0, 10**12), st.integers(0, 10))
COUNT = st.one_of(st.just(0), st.integers(0, 10**7), st.integers(0, 3))
PRICES = st.fixed_dictionaries(dict.fromkeys(PRICE_COLUMNS, PRICE))
COUNTS = st.fixed_dictionaries(dict.fromkeys((*COUNT_COLUMNS, *UNIT_COLUMNS), COUNT))
# What one of a line's price is for: a million tokens or characters, a second of 1,000 ms, or one.
PER = {"milliseconds": 1_000, "requests": 1, "images": 1}


def request_row(counts: dict[str, int], charge: int, hold: int, multiplier: int) -> RequestRow:
    paid = min(charge, hold)
    return RequestRow(
        node_id="node", epoch=1, seq=1, request_id="req", account_id="acc", key_id="key", model="m", upstream="up",
        endpoint=0, status=200, stream=False, estimated=False, price_id="price", multiplier_micro=multiplier,
        hold_nano=hold, charge_nano=paid, excess_nano=charge - paid, posted_nano=paid, loss_nano=charge - paid,
        attempts=1, started_at=datetime(2026, 1, 1, tzinfo=UTC), first_byte_us=1, total_us=2, outcome=0, error_code="",
        client_request_id="", **counts,
    )  # fmt: skip


@given(PRICES, COUNTS, st.integers(0, 1000 * 10**6), st.one_of(st.none(), st.integers(0, 10**15)))
def test_the_lines_come_to_the_charge(
    prices: dict[str, int | None], counts: dict[str, int], multiplier: int, hold: int | None
) -> None:
    tokens = tuple(counts[column] for column in COUNT_COLUMNS)
    unit_prices = {column: price or 0 for column, price in prices.items()}
    charge = charge_nano(tokens, filled_token_prices(prices), counts, unit_prices, multiplier)
    row = request_row(counts, charge, charge if hold is None else hold, multiplier)
    found = explanation(row, PriceRow(id="price", model_name="m", **prices))
    view = DetailView.explained(found)
    assert found.agrees
    assert parse_nano(found.rounded) == charge
    assert parse_nano(view.charge) + parse_nano(view.excess) == charge
    amounts = Fraction(0)
    for line in view.lines:
        amount = line.count * Fraction(line.unit_price) / PER.get(line.unit, 1_000_000)
        assert Fraction(line.amount) == amount
        assert line.count == counts[line.unit]
        amounts += amount
    assert Fraction(view.sum) == amounts
    assert Fraction(view.exact) == amounts * Fraction(view.price_multiplier)
    assert ceil(Fraction(view.exact) * NANO_PER_USD) == charge
    shown = {line.unit for line in view.lines}
    assert all(column in shown for column in COUNT_COLUMNS if counts[column])


def parse_nano(text: str) -> int:
    return int(Fraction(text) * NANO_PER_USD)


@given(COUNTS, st.integers(1, 10**6))
def test_without_prices_there_is_nothing_to_pay(counts: dict[str, int], multiplier: int) -> None:
    found = explanation(request_row(counts, 0, 0, multiplier), None)
    assert (parse_usd(found.sum), parse_usd(found.charge), found.agrees, found.priced) == (0, 0, True, False)


@given(st.lists(st.integers(0, 100), max_size=200), st.integers(1, 100))
def test_a_percentile_is_the_smallest_that_covers_so_many(values: list[int], percent: int) -> None:
    found = percentile(sorted(values), percent)
    if not values:
        assert found is None
        return
    covers = [value for value in values if sum(other <= value for other in values) * 100 >= percent * len(values)]
    assert found == min(covers)
