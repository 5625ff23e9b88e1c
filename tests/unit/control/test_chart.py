"""Charts: heights follow values, the axis begins at zero, and colours stay apart for colour-blind eyes."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.portal.components.chart import OTHER, SERIES_MAX, Series, bars, nice_step, ranked

pytestmark = pytest.mark.unit

CSS = (Path(__file__).parents[3] / "control/tollway/portal/components/chart.css").read_text("utf-8")
# What is left of a linear RGB colour for people without the long, the middle or the short cones (Machado, 2009).
BLIND = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
# CIE76 in Lab: 2.3 is just noticeable; neighbours in a legend must be told apart at a glance.
APART = 18
SURFACE = {"light": "#ffffff", "dark": "#15181e"}


def linear(colour: str) -> tuple[float, ...]:
    """sRGB as light."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def seen(colour: str, kind: str) -> tuple[float, ...]:
    """Lab of a colour as somebody sees it."""
    light = linear(colour)
    r, g, b = (min(1, max(0, sum(m * c for m, c in zip(row, light, strict=True)))) for row in BLIND[kind])
    x, y, z = (
        0.4124 * r + 0.3576 * g + 0.1805 * b,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        0.0193 * r + 0.1192 * g + 0.9505 * b,
    )
    fx, fy, fz = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x / 0.95047, y, z / 1.08883)
    )
    return (116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz))


def palette(theme: str) -> dict[int, str]:
    """The series' colours."""
    found = re.findall(r"--series-(\d): light-dark\((#\w{6}), (#\w{6})\)", CSS)
    return {int(n): light if theme == "light" else dark for n, light, dark in found}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", BLIND)
def test_colours_are_apart(theme: str, kind: str) -> None:
    colours = palette(theme)
    assert set(colours) == {OTHER, *range(1, SERIES_MAX + 1)}
    for (a, first), (b, second) in itertools.combinations(colours.items(), 2):
        distance = sum((p - q) ** 2 for p, q in zip(seen(first, kind), seen(second, kind), strict=True)) ** 0.5
        assert distance >= APART, f"{a} and {b} are {distance:.1f} apart for {kind} in {theme}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_page(theme: str) -> None:
    def brightness(colour: str) -> float:
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))

    for n, colour in palette(theme).items():
        low, high = sorted((brightness(colour), brightness(SURFACE[theme])))
        assert (high + 0.05) / (low + 0.05) >= 3, f"{n} in {theme}"  # WCAG 1.4.11


def drawn(svg: str) -> list[tuple[int, float, float]]:
    """Colour, top and height of each bar."""
    pattern = r'<rect class="colour-(\d)" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"'
    return [(int(n), float(y), float(height)) for n, y, height in re.findall(pattern, svg)]


def test_heights_are_proportional_and_stand_on_zero() -> None:
    chart = bars(
        ["Mon", "Tue"],
        [Series("a", [10, 20], 1), Series("b", [30, 0], 2)],
        said=str,
        axis=str,
        name="Requests",
    )
    found = drawn(chart.svg)
    assert [n for n, _, _ in found] == [1, 1, 2]  # no bar for nothing
    unit = found[0][2] / 10
    assert [round(height / unit, 2) for _, _, height in found] == [10, 20, 30]
    box = [float(part) for part in re.search(r'viewBox="([^"]+)"', chart.svg).group(1).split()]  # type: ignore[union-attr]
    bottom = box[1] + box[3]
    assert found[0][1] + found[0][2] == pytest.approx(bottom, abs=0.02)
    assert found[2][1] + found[2][2] == pytest.approx(found[0][1], abs=0.02)  # the second stands on the first
    assert chart.ticks[-1] == "0"
    assert int(chart.ticks[0]) >= 40
    assert "Mon · b: 30" in chart.svg


def test_names_are_escaped() -> None:
    chart = bars(["<i>"], [Series("<script>", [1], 1)], said=str, axis=str, name='"><b>')
    for word in ("<script>", "<i>", "<b>"):
        assert word not in chart.svg


@given(st.integers(0, 10**18))
def test_steps_are_round_and_few(largest: int) -> None:
    step = nice_step(largest)
    assert step >= 1
    assert step * 4 >= largest
    assert largest == 0 or step <= max(1, largest)
    assert str(step).rstrip("0") in ("1", "2", "25", "5")


@given(st.lists(st.lists(st.integers(0, 1_000), min_size=3, max_size=3), max_size=12))
def test_ranking_loses_nothing(values: list[list[int]]) -> None:
    found = ranked([Series(f"s{n}", row) for n, row in enumerate(values)], "other")
    assert len(found) <= SERIES_MAX + 1
    assert sum(item.total for item in found) == sum(map(sum, values))
    totals = [item.total for item in found if item.colour != OTHER]
    assert totals == sorted(totals, reverse=True)
    assert [item.colour for item in found if item.colour != OTHER] == list(range(1, len(totals) + 1))
