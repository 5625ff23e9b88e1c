"""What `/usage` shows, from its address: the period, the chart's measure and division, and the filters of the log.

An unknown choice is the first one; a date that is none is said by its field, and then no requests are listed, because a
list by another filter than the one that was typed would mislead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec
from litestar.datastructures import MultiDict

from tollway.http.period import Period
from tollway.portal.components.chart import Chart, Series, bars, ranked
from tollway.portal.frame.forms import Form
from tollway.portal.frame.translate import N_, Words
from tollway.usage.listing import Filter
from tollway.usage.summary import Share, Summary, Sums

PERIODS: Final = {"7": N_("7 days"), "30": N_("30 days"), "90": N_("90 days")}
PERIOD_DEFAULT: Final = "30"
MEASURES: Final = {"cost": N_("Cost"), "calls": N_("Requests"), "tokens": N_("Tokens"), "errors": N_("Errors")}
DIVISIONS: Final = {"model": N_("Model"), "key": N_("API key")}
_OTHER: Final = N_("other")
_TEXT_CHARS_MAX: Final = 200
_BAD_DATE: Final = N_("must be a day, such as 2026-11-24")
_BAD_ORDER: Final = N_("must not lie before the first day")
_OF: Final[Mapping[str, Callable[[Sums], int]]] = {
    "cost": lambda sums: sums.charge_nano,
    "calls": lambda sums: sums.calls,
    "tokens": lambda sums: sums.tokens_in + sums.tokens_out,
    "errors": lambda sums: sums.errors,
}


class Choice(msgspec.Struct):
    """What the address says, checked. `form` holds the log's filters as typed, with what is wrong in them."""

    days: str
    show: str
    by: str
    form: Form
    wanted: Filter
    filtered: bool

    def csv_query(self) -> str:
        """The log's filters for `GET /api/usage.csv`."""
        period = self.wanted.period
        named = {
            "key_id": self.wanted.key_id,
            "model": self.wanted.model,
            "failed": "true" if self.wanted.failed else None,
            "q": self.wanted.q,
            "from": _rfc3339(period.start),
            "to": _rfc3339(period.end),
            "account_id": self.wanted.account_id,
        }
        return urlencode({name: value for name, value in named.items() if value})


def choose(query: MultiDict[str], account_id: str, today: date, spoken: Words) -> Choice:
    """From the page's query. The log covers the charts' period unless it has days of its own."""
    days = _one_of(query.get("days"), PERIODS, PERIOD_DEFAULT)
    typed = {name: [query.get(name, "").strip()[:_TEXT_CHARS_MAX]] for name in ("q", "key_id", "model", "from", "to")}
    if query.get("failed"):
        typed["failed"] = ["on"]
    form = Form(typed)
    first, last = _day(form, "from", spoken), _day(form, "to", spoken)
    if first and last and last < first:
        form.errors["to"] = spoken.gettext(_BAD_ORDER)
    start = first or (today - timedelta(days=int(days) - 1) if last is None else None)
    return Choice(
        days=days,
        show=_one_of(query.get("show"), MEASURES, "cost"),
        by=_one_of(query.get("by"), DIVISIONS, "model"),
        form=form,
        wanted=Filter(
            account_id=account_id,
            key_id=form.text("key_id"),
            model=form.text("model"),
            failed=form.checked("failed"),
            q=form.text("q"),
            period=Period(_midnight(start), _midnight(last + timedelta(days=1)) if last else None),
        ),
        filtered=any(value[0] for value in typed.values()),
    )


def chart_of(summary: Summary, choice: Choice, names: Mapping[str, str], spoken: Words) -> Chart:
    """The chart of the chosen measure, divided as chosen; `names` has those of keys."""
    measure = _OF[choice.show]
    shares = summary.by_model if choice.by == "model" else summary.by_key
    series = [Series(names.get(share.name, share.name), [measure(sums) for sums in share.by_day]) for share in shares]
    labels = [spoken.day(datetime.combine(day, time(), UTC)) for day in summary.days]
    return bars(
        labels,
        ranked(series, spoken.gettext(_OTHER)),
        said=said(choice.show, spoken),
        axis=spoken.money_short if choice.show == "cost" else spoken.number,
        name=spoken.gettext(MEASURES[choice.show]),
    )


def said(measure: str, spoken: Words) -> Callable[[int], str]:
    """How a value of this measure is written exactly."""
    return spoken.money if measure == "cost" else spoken.number


def part_of(share: Share, total: Sums, measure: str) -> float:
    """How much of the whole this model or key is, 0 when there is no whole."""
    whole = _OF[measure](total)
    return _OF[measure](share.total) / whole if whole else 0.0


def _one_of(value: str | None, known: Mapping[str, str], default: str) -> str:
    return value if value is not None and value in known else default


def _day(form: Form, name: str, spoken: Words) -> date | None:
    text = form.text(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # A day whose neighbours do not exist either is no day of ours (0001-01-01, 9999-12-31).
    if day is None or not date.min < day < date.max:
        form.errors[name] = spoken.gettext(_BAD_DATE)
        return None
    return day


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day is not None else None


def _rfc3339(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
