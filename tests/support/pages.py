"""What a person reads off the portal's pages: amounts as the exact decimals they say, figures and facts by label; and
people who can sign in.

Decides that money is compared as it is printed, never through the API behind the page.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal

from playwright.sync_api import Locator, Page

from tests.support.stack import Stack

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a password, and the id of the personal account."""

    email: str
    account: str


def person(stack: Stack, name: str, credit: str | None = None, role: str = "user") -> Person:
    """A new user of this stack, with money when `credit` says so."""
    email = f"{name.lower()}-{next(_numbers)}@example.com"
    body = {"email": email, "name": name, "password": PASSWORD, "role": role}
    account = str(stack.api.call("POST", "/api/admin/users", body).json()["account_id"])
    if credit is not None:
        stack.api.credit(account, credit)
    return Person(email, account)


def dollars(text: str) -> Decimal:
    """`$1,234.000000567` of an English page, exactly; a sign may stand before the dollar."""
    plain = text.strip().replace("\N{MINUS SIGN}", "-").replace(",", "").replace(" ", "")
    assert plain.count("$") == 1, text
    return Decimal(plain.replace("$", ""))


def figure(page: Page, label: str) -> Decimal:
    """An amount that stands large on a page, under its label."""
    found = page.locator(".figure", has=page.locator(".figure-label").get_by_text(label, exact=True))
    return dollars(found.locator(".figure-value").inner_text())


def fact(page: Page, label: str) -> Locator:
    """The value beside a label in a list of facts or a sum."""
    row = page.locator("dl > div", has=page.locator("dt").get_by_text(label, exact=True))
    return row.locator("dd")


def cell(row: Locator, label: str) -> Locator:
    """A cell of a table's row, by its column."""
    return row.locator(f'td[data-label="{label}"]')
