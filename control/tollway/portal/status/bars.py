"""The history of one thing as a row of bars, one per hour or day. Colour never says it alone: a state has a height too,
each bar has its words as a tooltip, and the whole row a sentence for those who hear it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from babel.dates import format_datetime
from markupsafe import Markup

from tollway.portal.frame.translate import N_, Words, locale_of
from tollway.status.history import Point, Window

STATE_NAMES: Final = {"up": N_("Up"), "degraded": N_("Degraded"), "down": N_("Down"), "unknown": N_("Unknown")}
_STEP: Final = 10
_WIDTH: Final = 7
_HEIGHT: Final = 28
_HEIGHTS: Final = {"up": 28, "degraded": 20, "down": 12, "unknown": 4}


def history_bars(name: str, points: Sequence[Point], window: Window, spoken: Words) -> Markup:
    """The drawing."""
    svg = Markup(
        '<svg class="history" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    )
    parts = [
        Markup('<rect class="state-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            point.state,
            n * _STEP,
            _HEIGHT - _HEIGHTS[point.state],
            _WIDTH,
            _HEIGHTS[point.state],
            _words_of(point, window, spoken),
        )
        for n, point in enumerate(points)
    ]
    width = len(points) * _STEP - (_STEP - _WIDTH)
    return svg.format(width, _HEIGHT, f"{name}: {in_words(points, window, spoken)}", Markup("").join(parts))


def in_words(points: Sequence[Point], window: Window, spoken: Words) -> str:
    """`22 hours up, 2 hours unknown`: what the row shows, as a sentence."""
    counts: Counter[str] = Counter(point.state for point in points)
    said = []
    for state, name in STATE_NAMES.items():
        count = counts[state]
        if count:
            form = (
                spoken.ngettext("%(state)s for %(n)s hour", "%(state)s for %(n)s hours", count)
                if window == "24h"
                else spoken.ngettext("%(state)s on %(n)s day", "%(state)s on %(n)s days", count)
            )
            said.append(form % {"state": spoken.gettext(name), "n": spoken.number(count)})
    return ", ".join(said)


def _words_of(point: Point, window: Window, spoken: Words) -> str:
    state = spoken.gettext(STATE_NAMES[point.state])
    rate = f", {spoken.percent(point.rate)}" if point.rate is not None else ""
    return f"{_when(point.at, window, spoken)}: {state}{rate}"


def _when(at: datetime, window: Window, spoken: Words) -> str:
    if window == "30d":
        return spoken.day(at)
    return f"{spoken.day(at)}, {format_datetime(at, 'HH:mm', locale=locale_of(spoken.language))} UTC"
