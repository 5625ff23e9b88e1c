"""The services' sentences in the page's language.

Services say in English what was wrong. In English a page shows that as it is; in another language it finds the sentence
here by pattern, else says by its code what a person can do. Patterns are tried in order; a group becomes a value.
"""

from __future__ import annotations

import re
from typing import Final

from tollway.portal.frame.translate import N_, SOURCE, Words

_PATTERNS: Final = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (r"is required", N_("is required")),
        (r"expected `(?:str|array)` of length >= 1", N_("is required")),
        (r"expected `(?:str|array)` of length >= (?P<n>\d+)", N_("must have at least %(n)s characters")),
        (r"expected `(?:str|array)` of length <= (?P<n>\d+)", N_("must have at most %(n)s characters")),
        (r"expected `int` >= (?P<n>\d+)", N_("must be at least %(n)s")),
        (r"expected `int` <= (?P<n>\d+)", N_("must be at most %(n)s")),
        (r"expected `str` matching regex.*", N_("has characters that are not allowed here")),
        (r"must be a whole number", N_("must be a whole number")),
        (r"must not be zero", N_("must not be zero")),
        (r"is not an IP address or CIDR range", N_("is not an IP address or CIDR range")),
        (r"a user with this e-mail exists already", N_("A user with this e-mail exists already.")),
        (r"e-mail or password is wrong", N_("E-mail or password is wrong.")),
    )
)
_BY_CODE: Final = {
    "validation_failed": N_("This value was not accepted. Check it and send the form again."),
    "already_exists": N_("This name is taken already. Choose another one."),
    "conflict": N_("This cannot be done in the current state. Load the page again and look."),
    "insufficient_balance": N_("There is not enough available balance. Nothing was moved."),
    "stale_version": N_("Somebody changed this meanwhile. Load the page again, then change it."),
    "rate_limited": N_("Too many tries. Wait a while before the next one."),
    "not_found": N_("There is nothing here, or nothing you may see."),
    "forbidden": N_("You may not do this."),
    "unauthorized": N_("Sign in first."),
    "stale_form": N_("This form is out of date. Open the page again, then send it."),
    "unavailable": N_("The database cannot be reached at the moment. Nothing was changed; try again shortly."),
    "internal": N_("Something went wrong on our side. It has been logged under the request id."),
}
_OTHER: Final = N_("This could not be done. Check what you sent and try again.")


def in_words(message: str, code: str, spoken: Words) -> str:
    """The sentence to show for a service's `message` and `code`."""
    for pattern, known in _PATTERNS:
        match = pattern.fullmatch(message)
        if match is not None:
            return spoken.gettext(known) % match.groupdict()
    if spoken.language == SOURCE:
        return message
    return spoken.gettext(_BY_CODE.get(code, _OTHER))


def by_code(code: str, spoken: Words) -> str:
    """What a person can do about an error with this code."""
    return spoken.gettext(_BY_CODE.get(code, _OTHER))
