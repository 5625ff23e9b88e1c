"""Forms: read within bounds, checked for who sent them, turned into the services' own bodies, refused field by field.

A form is shown again with what was typed and a sentence by the field that was wrong. Services speak English; here their
sentences become the page's language (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from tollway.errors import Forbidden, Invalid, TollwayError
from tollway.http.request import invalid_from
from tollway.portal.frame.messages import in_words
from tollway.portal.frame.translate import Words
from tollway.portal.frame.viewer import Viewer

FIELDS_MAX: Final = 500
Body = TypeVar("Body")


class StaleForm(Forbidden):
    """The form was made for another session: it expired, or was not ours."""

    code, title = "stale_form", "Form is out of date"


class Form(msgspec.Struct):
    """What was typed and what was wrong with it. Templates ask `form.value(name)` and `form.error(name)`.

    `problem` is about the whole form: what no single field is to blame for.
    """

    values: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    problem: str = ""

    def value(self, name: str, default: str = "") -> str:
        """What the field holds; the last one, when a name came more than once."""
        found = self.values.get(name)
        return found[-1] if found else default

    def many(self, name: str) -> list[str]:
        """All values of a field with several."""
        return self.values.get(name, [])

    def text(self, name: str) -> str | None:
        """The field without space around it; None when it is empty: forms cannot say null otherwise."""
        return self.value(name).strip() or None

    def lines(self, name: str) -> list[str] | None:
        """A list as people type it, by lines or commas; None when there is nothing."""
        parts = self.value(name).replace(",", "\n").splitlines()
        return [part.strip() for part in parts if part.strip()] or None

    def whole(self, name: str, label: str = "") -> int | None:
        """A whole number or None. Raises Invalid(name)."""
        text = self.text(name)
        if text is None:
            return None
        plain = text.replace(" ", "")
        if not (plain.isascii() and plain.isdigit()) or len(plain) > 15:
            raise Invalid(name, "must be a whole number")
        return int(plain)

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return name in self.values

    def error(self, name: str) -> str:
        """The sentence by the field, empty when it was fine."""
        return self.errors.get(name, "")

    @property
    def failed(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.errors or self.problem)

    def refuse(self, error: TollwayError, spoken: Words, *, shown: Mapping[str, str] | None = None) -> Form:
        """This form with the error placed. `shown` maps the service's field to the form's; an unknown field's sentence
        goes above the form. Raises the error again when it is not one that a form can mend.
        """
        if error.fault == "us" or error.status in (401, 403, 404):
            raise error
        names = dict(shown or {})
        errors: dict[str, str] = {}
        for item in error.errors:
            root = item.field.split("[")[0]
            name = names.get(item.field) or names.get(root) or item.field
            errors[name] = in_words(item.message, error.own_code, spoken)
        problem = "" if errors else in_words(error.message, error.own_code, spoken)
        return Form(self.values, errors, problem)


async def read_form(request: Request[Any, Any, Any], viewer: Viewer) -> Form:
    """The form of a POST. Raises StaleForm without this browser's token, Invalid for what is no form."""
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except (ValueError, UnicodeDecodeError) as exc:
        raise Invalid("body", "is not a form") from exc
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # Browsers write line breaks as CRLF; NUL cannot be stored and nobody types it.
        values.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\x00", ""))
    token = values.pop("csrf_token", [""])[-1]
    if not viewer.knows(token):
        raise StaleForm("this form was made for another sign-in; open the page again, then send it")
    return Form(values)


def to_body(values: Mapping[str, Any], kind: type[Body]) -> Body:
    """A service's body from a form's values, as strict as the API. Raises Invalid naming the field."""
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as exc:
        raise invalid_from(exc) from exc
