"""The arithmetic behind every figure of a bench report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ratios import Gate, Spread, order, paired, per_unit

pytestmark = pytest.mark.unit


def test_pairs_are_neighbours_whichever_comes_first() -> None:
    legs = order(1)
    assert legs == ["A", "B", "B", "A"]
    assert paired(legs, [10.0, 5.0, 6.0, 12.0]) == [0.5, 0.5]


@given(drift=st.floats(0.5, 2.0), ratio=st.floats(0.1, 10.0), cycles=st.integers(1, 5))
def test_a_clock_rate_that_changes_between_pairs_changes_no_ratio(drift: float, ratio: float, cycles: int) -> None:
    legs = order(cycles)
    values = [(ratio if leg == "B" else 1.0) * drift ** (at // 2) for at, leg in enumerate(legs)]
    assert paired(legs, values) == pytest.approx([ratio] * 2 * cycles)


@pytest.mark.parametrize(
    ("legs", "values"),
    [(["A", "A"], [1.0, 1.0]), (["A", "B"], [0.0, 1.0]), (["A"], [1.0]), (["A", "B"], [1.0])],
)
def test_what_is_no_pair_is_refused(legs: list[str], values: list[float]) -> None:
    with pytest.raises(ValueError):
        paired(legs, values)


def test_spread_is_median_and_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(median=2.5, low=1.0, high=10.0, count=4)
    with pytest.raises(ValueError):
        Spread.of([])


def test_a_gate_is_met_at_its_figure_and_missed_above() -> None:
    gate = Gate(first=1.0, final=0.75)
    assert [gate.verdict(value) for value in (0.75, 1.0, 1.2)] == ["final met", "first met", "**missed** by 20 %"]
    assert [gate.missed(value) for value in (1.0, 1.001)] == [False, True]


def test_cost_per_unit_needs_units() -> None:
    assert per_unit(2_000_000, 100) == 20.0
    with pytest.raises(ValueError):
        per_unit(1, 0)
