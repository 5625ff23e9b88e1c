"""The arithmetic of a comparison: paired ratios of blocks in the order A B B A, their spread, and the gates.

Decides that two figures are compared only within their pair: on a shared machine the clock rate moves by a quarter from
minute to minute, but hardly between two neighbouring blocks. A B B A cancels a drift that is steady over the four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of a series."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """ValueError when there is nothing to sum up."""
        if not values:
            raise ValueError("no values")
        return cls(median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Gate:
    """What a row must reach: at most these figures."""

    first: float
    final: float

    def verdict(self, value: float) -> str:
        """`final` met, `first` met, or how far it misses the first."""
        if value <= self.final:
            return "final met"
        if value <= self.first:
            return "first met"
        return f"**missed** by {100 * (value / self.first - 1):.0f} %" if self.first else "**missed**"

    def missed(self, value: float) -> bool:
        """Not even the first gate."""
        return value > self.first


def order(cycles: int) -> list[str]:
    """The legs of so many cycles: A B B A, A B B A …"""
    return ["A", "B", "B", "A"] * cycles


def paired(legs: Sequence[str], values: Sequence[float]) -> list[float]:
    """B/A of each neighbouring pair: the first two blocks, the next two, and so on.

    ValueError when a pair is not one A and one B, or an A cost nothing (then there is no ratio).
    """
    if len(legs) != len(values) or len(legs) % 2:
        raise ValueError("a value for each leg, and legs in pairs")
    ratios = []
    for at in range(0, len(legs), 2):
        pair = dict(zip(legs[at : at + 2], values[at : at + 2], strict=True))
        if set(pair) != {"A", "B"} or pair["A"] <= 0:
            raise ValueError(f"pair {at // 2}: one A and one B, and A above 0")
        ratios.append(pair["B"] / pair["A"])
    return ratios


def per_unit(cpu_ns: float, units: int) -> float:
    """Microseconds of processor time for each request or chunk. ValueError when none was seen."""
    if units <= 0:
        raise ValueError("nothing was answered in the window")
    return cpu_ns / units / 1000
