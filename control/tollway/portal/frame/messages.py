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
        (r"expected `array` of length <= (?P<n>\d+)", N_("must have at most %(n)s entries")),
        (r"expected `(?:str|array)` of length <= (?P<n>\d+)", N_("must have at most %(n)s characters")),
        (r"expected `int` >= (?P<n>\d+)", N_("must be at least %(n)s")),
        (r"expected `int` <= (?P<n>\d+)", N_("must be at most %(n)s")),
        (r"expected `str` matching regex.*", N_("has characters that are not allowed here")),
        (r"must be a whole number", N_("must be a whole number")),
        (r"must not be zero", N_("must not be zero")),
        (r"must not be negative", N_("must not be negative")),
        (r"must be at most (?P<n>\d+)", N_("must be at most %(n)s")),
        (r"must be between (?P<low>\d+) and (?P<high>\d+)", N_("must be between %(low)s and %(high)s")),
        (r"must be a decimal number as a string.*", N_("must be a decimal number, such as 12.50")),
        (r"has more than (?P<n>\d+) decimal places", N_("has more than %(n)s decimal places")),
        (r"invalid enum value .*", N_("choose one of the list")),
        (r"there is an? \w+ '(?P<name>.*)' already", N_("There is one with the name %(name)s already.")),
        (r"there is no \w+ '(?P<name>.*)'", N_("there is no %(name)s")),
        (r"is named twice", N_("is named twice")),
        (r"is there twice", N_("is there twice")),
        (r"type (?P<name>.*) to confirm", N_("Type %(name)s to confirm")),
        # Upstreams
        (r"has characters that a URL cannot have", N_("has characters that a URL cannot have")),
        (
            r"is not a URL: .*|must be an http or https URL.*",
            N_("must be an http or https URL, such as https://api.example.com/v1"),
        ),
        (
            r"must not carry a user or password.*",
            N_("must not carry a user or password; secrets belong into credentials"),
        ),
        (r"must not carry a query or fragment", N_("must not carry a query or fragment")),
        (r"port 0 cannot be dialled", N_("port 0 cannot be dialled")),
        (r"is set by the gateway itself", N_("One of these headers is set by the gateway itself.")),
        (r"carries a secret; put it into.*", N_("One of these headers carries a secret; put it into credentials.")),
        (r"write each header as Name: value.*", N_("write each header as Name: value, one a line")),
        (
            r"models route to this upstream: (?P<names>.*); change their routes first",
            N_("Models route to this upstream: %(names)s. Change their routes first."),
        ),
        # Models
        (r"state them, or set .*", N_("State prices, or tick that the model is free.")),
        (r"is required for a model of kind .*", N_("is required for a model of this kind; 0 is a price")),
        (r"must not be larger than context_length", N_("must not be larger than the context length")),
        (r"choose an upstream, or empty the row", N_("choose an upstream, or empty the row")),
        # Groups and accounts
        (r"the group default stays.*", N_("The group default stays: accounts without another one are in it.")),
        (
            r"(?P<accounts>\d+) accounts and (?P<keys>\d+) keys are in this group; move them first",
            N_("In this group are accounts (%(accounts)s) and keys (%(keys)s). Move them first."),
        ),
        (
            r"the wallet has less available than would be taken back.*",
            N_("The wallet has less available than that. Nothing was moved."),
        ),
        (
            r"this Idempotency-Key was used with another body.*",
            N_("This form was sent before with other values. Nothing was moved now; check the wallet first."),
        ),
        (r"is not an IP address or CIDR range", N_("is not an IP address or CIDR range")),
        (r"the group '[^']*' may not call '[^']*'", N_("is not a model that the key's group may call")),
        (r"must be the account's group or one of its extra_groups", N_("is not a group of this account")),
        (r"must be a day and a time, such as .*", N_("must be a day and a time, such as 2030-12-31T18:00")),
        # Signing up, one's own password
        (
            r"is not valid: it was used, has expired or was withdrawn; .*",
            N_("This invite is not valid: it was used, has expired or was withdrawn. Ask for a new one."),
        ),
        (r"is required: sign-up here is by invite; .*", N_("Sign-up here is by invite. Ask the operator for a link.")),
        (
            r"too many sign-ups from this address; .*",
            N_("Too many sign-ups from your address. Wait a while before the next one."),
        ),
        (r"too many wrong tries; .*", N_("Too many wrong tries. Wait a while before the next one.")),
        (r"is not your password", N_("This is not your password.")),
        (r"must differ from the password you have now", N_("must differ from the password you have now")),
        # Redemption codes
        (
            r"there is no such code; .*",
            N_("This code is not known. Compare it with what you were given."),
        ),
        (r"this code was revoked .*", N_("This code was revoked by an operator. Ask for another one.")),
        (
            r"this code was redeemed on (?P<at>.*), by you; .*",
            N_("You redeemed this code on %(at)s. A code works once."),
        ),
        (
            r"this code was redeemed on (?P<at>.*), by you, for another account; .*",
            N_("You redeemed this code on %(at)s, for another account. A code works once."),
        ),
        (
            r"this code was redeemed on (?P<at>.*), by somebody else in this account; .*",
            N_("Somebody else in this account redeemed this code on %(at)s. A code works once."),
        ),
        (
            r"this code was redeemed on (?P<at>.*), by somebody else; .*",
            N_("Somebody else redeemed this code on %(at)s. A code works once."),
        ),
        (
            r"too many unknown codes; .*",
            N_("Too many unknown codes. Wait a while before the next one."),
        ),
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
