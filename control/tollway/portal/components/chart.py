"""Stacked bars: pygal lays them out, and what it adds of its own (style, scripts, attributes) stays behind.

The drawing stretches with the page, so it holds no text: axis labels and legend are HTML around it (chart.html),
colours are classes (chart.css). The axis begins at zero. At most SERIES_MAX series have a colour; the rest is one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import pygal
from markupsafe import Markup, escape

# For maps, which we do not draw, pygal adds a finder of a form that Python has given up: a warning at imports to come.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

SERIES_MAX: Final = 6
OTHER: Final = 0
"""Number of the colour of what has none of its own; 1 … SERIES_MAX are the others."""

_WIDTH: Final = 1_000
_HEIGHT: Final = 240
# pygal leaves this share of the value range free on every side; it is cut off again, so that zero is the lower edge.
_MARGIN: Final = 0.02
_TICKS: Final = 4
_X_LABELS_MAX: Final = 8


class Series(msgspec.Struct, frozen=True):
    """One colour of the chart: a value per bar, and their sum."""

    name: str
    values: Sequence[int]
    colour: int = OTHER

    @property
    def total(self) -> int:
        """Over all bars."""
        return sum(self.values)


class Chart(msgspec.Struct, frozen=True):
    """What chart.html shows. `ticks` from the top down; `x_labels` one per bar, empty where
    there is no room, with whether a narrow page leaves it out."""

    svg: Markup
    ticks: list[str]
    x_labels: list[tuple[str, bool]]
    series: list[Series]


def ranked(series: Sequence[Series], other: str) -> list[Series]:
    """The largest first, each with its colour; those beyond SERIES_MAX are added up as `other`. Empty ones go."""
    found = sorted((item for item in series if item.total > 0), key=lambda item: (-item.total, item.name))
    shown = [Series(item.name, item.values, n) for n, item in enumerate(found[:SERIES_MAX], 1)]
    rest = found[SERIES_MAX:]
    if rest:
        shown.append(Series(other, [sum(values) for values in zip(*(item.values for item in rest), strict=True)]))
    return shown


def nice_step(largest: int) -> int:
    """The distance of ticks: a round number, whole, at most _TICKS of them up to `largest`."""
    least = max(1, -(-largest // _TICKS))
    step = int(10 ** (len(str(least)) - 1))
    # 1, 2, 2.5 and 5 times a power of ten; 2.5 only where it is whole.
    for twice in (2, 4, 5, 10):
        if step * twice % 2 == 0 and step * twice >= least * 2:
            return step * twice // 2
    return step * 10


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    said: Callable[[int], str],
    axis: Callable[[int], str],
    name: str,
) -> Chart:
    """The chart. `said` writes a value exactly, `axis` at a glance; `name` is what the drawing is called."""
    sums = [sum(values) for values in zip(*(item.values for item in series), strict=True)] or [0]
    step = nice_step(max(sums))
    top = step * max(1, math.ceil(max(sums) / step))
    drawing = _layout(labels, series, top)
    parts = [_guide(n * step / top) for n in range(1, top // step + 1)]
    for n, item in enumerate(series):
        parts += _bars_of(drawing, n, item, labels, said)
    margin = _MARGIN / (1 + 2 * _MARGIN)
    box = (
        f"{_WIDTH * margin:.2f} {_HEIGHT * margin:.2f} {_WIDTH * (1 - 2 * margin):.2f} {_HEIGHT * (1 - 2 * margin):.2f}"
    )
    svg = Markup(
        '<svg class="chart-drawing" viewBox="{}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    )
    every = max(1, math.ceil(len(labels) / _X_LABELS_MAX))
    # On a narrow page every second of them has room.
    return Chart(
        svg.format(box, name, Markup("").join(parts)),
        [axis(n * step) for n in range(top // step, -1, -1)],
        [(label if n % every == 0 else "", n % (2 * every) > 0) for n, label in enumerate(labels)],
        list(series),
    )


def _layout(labels: Sequence[str], series: Sequence[Series], top: int) -> Any:
    chart = pygal.StackedBar(
        width=_WIDTH,
        height=_HEIGHT,
        margin=0,
        spacing=0,
        range=(0, top),
        show_legend=False,
        show_x_labels=False,
        show_y_labels=False,
        show_y_guides=False,
        print_values=False,
        js=[],
    )
    chart.x_labels = list(labels)
    for item in series:
        chart.add(item.name, list(item.values))
    return chart.render_tree()


def _guide(share: float) -> Markup:
    margin = _MARGIN / (1 + 2 * _MARGIN)
    y = _HEIGHT * (1 - margin) - share * _HEIGHT * (1 - 2 * margin)
    return Markup('<path class="guide" d="M0 {}H{}"/>').format(f"{y:.2f}", _WIDTH)


def _bars_of(drawing: Any, n: int, item: Series, labels: Sequence[str], said: Callable[[int], str]) -> list[Markup]:
    """The rectangles of one series that have a height, each with its words as a tooltip."""
    group = next(found for found in drawing.iter() if f"serie-{n} " in f"{found.get('class', '')} " and len(found))
    rects = [found for found in group.iter() if str(found.tag).endswith("rect")]
    drawn = []
    for rect, label, value in zip(rects, labels, item.values, strict=True):
        if value <= 0:
            continue
        place = " ".join(f'{key}="{float(rect.get(key)):.2f}"' for key in ("x", "y", "width", "height"))
        # Four numbers of our own formatting; what could be anything is escaped by format.
        drawn.append(
            Markup(f'<rect class="colour-{item.colour}" {place}><title>{{}}</title></rect>').format(  # noqa: S704
                f"{label} · {item.name}: {said(value)}"
            )
        )
    return drawn


def share_bar(share: float, name: str) -> Markup:
    """A thin bar for a table's row: the part of the whole. Decoration beside the number."""
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"
    return Markup(
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="share-rest" width="100" height="6"/><rect class="{}" width="{}" height="6"/></svg>'
    ).format(escape(name), width)
