"""Languages: catalogues by Babel, one per page folder's name, and numbers, dates and money by locale.

English is the source. A catalogue `locale/<language>/<part>.po` is read as text at the start, so that nothing compiled
lies in the tree; `scripts/catalogue` (in `make lint`) fails when a message has no translation.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations

from tollway.db.tables import utc_now
from tollway.money import NANO_PER_USD, format_usd

SOURCE: Final = "en"
LANGUAGES: Final = {"en": "English", "vi": "Tiếng Việt"}
"""Code → its own name, in the order of the switch."""

_FOLDER: Final = Path(__file__).parent.parent / "locale"
_PLACES_MIN: Final = 2
# RFC 9110, 12.4.2. Digits of ASCII only: a header may hold others, which no number is made of.
_WEIGHT: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")


def N_(text: str) -> str:  # noqa: N802  (the name that message extractors know)
    """Marks a message that is translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> NullTranslations:
    """The messages of one language, all parts together."""
    if language == SOURCE:
        return NullTranslations()
    merged = Translations()
    for path in sorted((_FOLDER / language).glob("*.po")):
        compiled = BytesIO()
        with path.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        part = Translations(compiled)
        merged.merge(part)
        # Merging takes the messages only; without the rule every language would count like English.
        merged.plural = part.plural
    return merged


@cache
def locale_of(language: str) -> Locale:
    """CLDR's data of a language we have."""
    return Locale.parse(language)


def choose(*wishes: str | None, header: str = "") -> str:
    """The first wish that is a language of ours, else the best of Accept-Language (RFC 9110, 12.5.4), else English."""
    for wish in wishes:
        if wish in LANGUAGES:
            return wish
    weighted: list[tuple[float, str]] = []
    for part in header[:256].split(","):
        tag, _, parameters = part.partition(";")
        weight = parameters.strip().removeprefix("q=") or "1"
        weighted.append((-float(weight) if _WEIGHT.fullmatch(weight) else 0.0, tag.strip()))
    tags = [tag.replace("-", "_") for weight, tag in sorted(weighted, key=lambda item: item[0]) if weight < 0 and tag]
    return negotiate_locale(tags, LANGUAGES, sep="_") or SOURCE


class Words:
    """One language: its messages and its way to write numbers, money and times. Times are shown in UTC and say so."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = locale_of(language)
        self._messages = catalogue(language)

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return str(self._messages.ugettext(message))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The message for `n` things."""
        return str(self._messages.ungettext(singular, plural, n))

    def number(self, value: int | float | Decimal) -> str:
        """`12,345` or `12.345`."""
        return format_decimal(value, locale=self._locale)

    def percent(self, share: float) -> str:
        """A share of 1 as `99.8%`; rounded down above 99.9, so that 100 % means none failed."""
        tenths = int(share * 1000 + 1e-9) / 1000 if share > 0.999 else round(share, 3)
        return format_percent(tenths, format="#,##0.#%", locale=self._locale)

    def money(self, amount: str | int) -> str:
        """USD exactly, at least two places: a decimal string of the API, or nano-USD."""
        value = Decimal(format_usd(amount) if isinstance(amount, int) else amount).normalize()
        exponent = value.as_tuple().exponent
        places = max(_PLACES_MIN, -exponent if isinstance(exponent, int) else 0)
        pattern = f"¤#,##0.{'0' * places}" if self.language == SOURCE else f"#,##0.{'0' * places} ¤"
        return format_currency(value, "USD", pattern, locale=self._locale, currency_digits=False)

    def money_short(self, nano: int) -> str:
        """For axes and figures at a glance: rounded to cents, or to two significant places below one cent."""
        usd = Decimal(nano) / NANO_PER_USD
        if usd and abs(usd) < Decimal("0.01"):
            usd = Decimal(f"{usd:.2g}")
        else:
            usd = round(usd, _PLACES_MIN)
        return self.money(format(usd, "f"))

    def time(self, at: datetime) -> str:
        """Day and minute, UTC."""
        return f"{format_datetime(at, 'medium', locale=self._locale)} UTC"

    def day(self, at: datetime) -> str:
        """Day and month, short."""
        return str(format_datetime(at, "d MMM", locale=self._locale))

    def ago(self, at: datetime, now: datetime | None = None) -> str:
        """`3 hours ago`, `in 2 days`."""
        return format_timedelta(at - (now or utc_now()), add_direction=True, locale=self._locale)


@cache
def words(language: str) -> Words:
    """The one `Words` of a language."""
    return Words(language)
