"""Decimal strings to integers and back: exact or refused."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway import money
from tollway.errors import Invalid

pytestmark = pytest.mark.unit


@given(st.integers(-money.AMOUNT_USD_MAX * 10**9, money.AMOUNT_USD_MAX * 10**9))
def test_an_amount_survives_the_round_trip(nano: int) -> None:
    assert money.parse_usd(money.format_usd(nano), negative=True) == nano


@given(st.text(alphabet="0123456789.-+eE_ ٣nafi", max_size=12))
def test_what_is_taken_is_exactly_what_it_says(text: str) -> None:
    try:
        nano = money.parse_usd(text, negative=True)
    except Invalid:
        return
    assert Fraction(nano, 10**9) == Fraction(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "+1", "1e3", "1_0", " 1", "1 ", "NaN", "inf", "--1", "0.0000000001", "٣", "1\n", "9" * 40,
     "1000000000.000000001", 1, 1.5, None, True, b"1"],
)  # fmt: skip
def test_what_is_not_a_plain_decimal_string_is_refused(text: object) -> None:
    with pytest.raises(Invalid):
        money.parse_usd(text)  # type: ignore[arg-type]


def test_trailing_zeros_beyond_the_places_are_no_precision() -> None:
    assert money.parse_usd("1.50000000000") == 1_500_000_000


def test_negative_is_refused_unless_asked_for() -> None:
    with pytest.raises(Invalid, match="negative"):
        money.parse_usd("-1")
    assert money.parse_usd("-1", negative=True) == -(10**9)


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0.00"), (12_500_000_000, "12.50"), (-1, "-0.000000001"), (125, "0.000000125")]
)
def test_amounts_are_shown_with_two_to_nine_places(nano: int, text: str) -> None:
    assert money.format_usd(nano) == text


def test_prices_have_their_own_places() -> None:
    wish = {"input": "0.15", "cache_read": "0.075", "output": "0.60", "image": "0.000000001", "character": "15"}
    columns = money.parse_prices(wish)
    assert columns == {
        "input_pico": 150_000,
        "cache_read_pico": 75_000,
        "output_pico": 600_000,
        "image_nano": 1,
        "character_pico": 15_000_000,
    }
    assert money.format_prices(columns) == {**wish, "character": "15.00"}


def test_all_that_is_wrong_with_prices_is_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        money.parse_prices(
            {"input": "0.0000001", "inptu": "1", "output": "-1", "second": "0.000000001", "image": "9999999"}
        )
    assert [error.field for error in caught.value.errors] == [
        "prices.input", "prices.inptu", "prices.output", "prices.image",
    ]  # fmt: skip


def test_prices_that_are_not_stated_are_filled_in() -> None:
    filled = money.filled_token_prices(
        {"input_pico": 1, "output_pico": 2, "reasoning_pico": 0, "cache_read_pico": None}
    )
    assert filled == (1, 1, 1, 1, 2, 0, 1, 2, 1, 2)
    assert money.filled_token_prices({}) == (0,) * 10


def test_multipliers_are_millionths() -> None:
    assert money.parse_multiplier("1.000001") == 1_000_001
    assert money.format_multiplier(1_000_000) == "1.0"
    for bad in ("-0.1", "1001", "0.0000001"):
        with pytest.raises(Invalid):
            money.parse_multiplier(bad)


COUNT = st.integers(0, 10**9)
PRICE = st.integers(0, 10**12)


@given(st.lists(st.tuples(COUNT, PRICE), min_size=10, max_size=10), COUNT, PRICE, st.integers(0, 10**9))
def test_a_charge_is_rounded_up_once(pairs: list[tuple[int, int]], ms: int, second: int, multiplier: int) -> None:
    charge = money.charge_nano(
        tuple(n for n, _ in pairs),
        tuple(p for _, p in pairs),
        {"milliseconds": ms},
        {"second_nano": second},
        multiplier,
    )
    pico = sum(Fraction(n * p) for n, p in pairs) + Fraction(ms * second * 1000, 1000)
    assert charge == ceil(pico * multiplier / 10**6 / 1000)
